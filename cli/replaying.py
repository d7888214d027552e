"""The replay exchange with the recorded candles that it serves."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tidecast.clock import Clock

if TYPE_CHECKING:
    from tidecast.exchange import ReplayExchange

ROOT = Path(__file__).parents[1]
"""Root of the checkout."""

SAMPLE = ROOT / "sample" / "coinbase_btc_usd_1h_2018_2019.parquet"
REPLAY_START = datetime(2019, 8, 1, tzinfo=UTC)
"""Where a replay of the sample begins: 19 months to train on, two and a half to live through."""


@dataclass(frozen=True)
class Replay:
    """A running exchange.

    Attributes:
        ends_at: end of the last candle it has, UTC.
    """

    exchange: "ReplayExchange"
    ends_at: datetime


def start_exchange(
    clock: Clock,
    *,
    file: Path | None = None,
    pair: str = "BTC-USD",
    interval: str = "1h",
    host: str = "127.0.0.1",
    port: int = 0,
) -> Replay:
    """Serve a file of candles, the sample when None, in a thread.

    Raises:
        ConfigurationError: the sample is not there, or the port is taken.
        InvalidParameter: the file cannot be read, or not without guessing.
        CandlesRefused: it has no candle.
    """
    from cli.candle_files import read_candles
    from tidecast.errors import ConfigurationError
    from tidecast.exchange import ReplayExchange
    from tidecast.timeframes import interval_length

    if file is None and not SAMPLE.is_file():
        raise ConfigurationError(f"the sample is not there: {SAMPLE}; name one with --candles")
    candles = read_candles(file or SAMPLE, interval, datetime.now(UTC), symbol=pair).candles
    try:
        exchange = ReplayExchange(candles, clock, host, port, pair, interval)
    except OSError as e:
        raise ConfigurationError(
            f"cannot listen on {host}:{port} ({e.strerror}): name another"
        ) from e
    exchange.start()
    ends_at = candles.index[-1].to_pydatetime() + interval_length(interval)
    return Replay(exchange, ends_at)
