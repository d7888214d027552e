"""Every source by its name."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tidecast.errors import ConfigurationError
from tidecast.exchange import (
    binance,
    bitstamp,
    coinbase,
    coincap,
    coinpaprika,
    cryptocompare,
    kraken,
    yahoo,
)
from tidecast.exchange.session import Endpoint, HttpSession, Patience
from tidecast.exchange.source import Source

REPLAY_URL = "http://127.0.0.1:8765"
UNLIMITED_PER_SECOND = 1e6
"""Rate of the replay exchange, which is ours."""


@dataclass(frozen=True)
class _Entry:
    """How one source is built.

    Attributes:
        keyed_base_url: another place for those who have a key.
        key_header: name and form of the header that carries the key, ``{}`` standing for it.
    """

    adapter: Callable[[HttpSession], Source]
    base_url: str
    per_second: float
    burst: int
    keyed_base_url: str | None = None
    key_header: tuple[str, str] | None = None


_SOURCES = {
    # Weight 2 of 6000 a minute.
    "binance": _Entry(binance.Binance, binance.BASE_URL, per_second=10, burst=20),
    # Public limit 10 a second with bursts of 15.
    "coinbase": _Entry(coinbase.Coinbase, coinbase.BASE_URL, per_second=8, burst=10),
    # Long runs were throttled at one request in 1.5 s and not in 3 s; bursts of 30 passed.
    "kraken": _Entry(kraken.Kraken, kraken.BASE_URL, per_second=1 / 3, burst=10),
    # Public limit 10,000 in ten minutes.
    "bitstamp": _Entry(bitstamp.Bitstamp, bitstamp.BASE_URL, per_second=10, burst=20),
    "cryptocompare": _Entry(
        cryptocompare.CryptoCompare,
        cryptocompare.BASE_URL,
        per_second=5,
        burst=10,
        key_header=("Authorization", "Apikey {}"),
    ),
    "coincap": _Entry(
        coincap.CoinCap,
        coincap.BASE_URL,
        per_second=2,
        burst=5,
        key_header=("Authorization", "Bearer {}"),
    ),
    # Limit 10 a second, and 20,000 a month.
    "coinpaprika": _Entry(
        coinpaprika.CoinPaprika,
        coinpaprika.BASE_URL,
        per_second=2,
        burst=5,
        keyed_base_url=coinpaprika.KEYED_BASE_URL,
        key_header=("Authorization", "{}"),
    ),
    # No limit is documented, and 429 is known to come early.
    "yahoo": _Entry(yahoo.Yahoo, yahoo.BASE_URL, per_second=0.5, burst=3),
    "replay": _Entry(coinbase.Coinbase, REPLAY_URL, UNLIMITED_PER_SECOND, burst=1),
}

SOURCES = tuple(_SOURCES)
"""Names that ``build_source`` knows."""


def build_source(
    name: str,
    *,
    timeout_seconds: float,
    max_attempts: int,
    backoff_seconds: float,
    max_retry_after_seconds: float,
    api_key: str | None = None,
    base_url: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    notify: Callable[[str], None] = lambda message: None,
) -> Source:
    """Make one source; share it between markets, because the rate limit is kept in it.

    Args:
        name: one of ``SOURCES``.
        timeout_seconds: limit for connecting and for each read; a whole body may take three times.
        max_attempts: HTTP attempts per request.
        backoff_seconds: base of the exponential, jittered pause between attempts.
        max_retry_after_seconds: a longer ``Retry-After`` raises SourceThrottled at once.
        api_key: the source's key, where it has keys.
        base_url: another place than the documented one.
        sleep: waits so many seconds.
        notify: is told about every pause longer than a second.

    Raises:
        ConfigurationError: there is no such source.
    """
    if name not in _SOURCES:
        raise ConfigurationError(f"no source {name!r}; allowed: {', '.join(SOURCES)}")
    entry = _SOURCES[name]
    patience = Patience(timeout_seconds, max_attempts, backoff_seconds, max_retry_after_seconds)
    endpoint = _endpoint(name, entry, api_key, base_url)
    return entry.adapter(HttpSession(endpoint, patience, sleep=sleep, notify=notify))


def _endpoint(name: str, entry: _Entry, api_key: str | None, base_url: str | None) -> Endpoint:
    headers = {}
    if entry.key_header is not None and api_key:
        header, form = entry.key_header
        headers[header] = form.format(api_key)
    return Endpoint(
        name=name,
        base_url=base_url or (api_key and entry.keyed_base_url) or entry.base_url,
        per_second=entry.per_second,
        burst=entry.burst,
        headers=headers,
        key_setting=f"TIDECAST_INGESTION__{name.upper()}_API_KEY" if entry.key_header else None,
        has_key=bool(api_key),
    )
