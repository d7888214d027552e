"""Every source by its name."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tidecast.errors import ConfigurationError
from tidecast.exchange import coinbase
from tidecast.exchange.coinbase import Coinbase
from tidecast.exchange.session import Endpoint, HttpSession, Patience
from tidecast.exchange.source import Source

UNLIMITED_PER_SECOND = 1e6
"""Rate of the replay exchange, which is ours."""


@dataclass(frozen=True)
class _Entry:
    """How one source is built.

    Attributes:
        key_header: name and form of the header that carries the key, ``{}`` standing for it.
    """

    adapter: Callable[[HttpSession], Source]
    base_url: str
    per_second: float
    burst: int
    key_header: tuple[str, str] | None = None


_SOURCES = {
    # Public limit 10 requests a second with bursts of 15.
    "coinbase": _Entry(Coinbase, coinbase.BASE_URL, per_second=8, burst=10),
    "replay": _Entry(Coinbase, "http://127.0.0.1:8765", UNLIMITED_PER_SECOND, burst=1),
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
    if entry.key_header is not None and api_key is not None:
        header, form = entry.key_header
        headers[header] = form.format(api_key)
    return Endpoint(
        name=name,
        base_url=base_url or entry.base_url,
        per_second=entry.per_second,
        burst=entry.burst,
        headers=headers,
        key_setting=f"TIDECAST_INGESTION__{name.upper()}_API_KEY" if entry.key_header else None,
        has_key=api_key is not None,
    )
