"""Intervals and the time grid that candles stand on. All times are UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from tidecast.errors import InvalidParameter

INTERVALS = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def interval_length(interval: str) -> timedelta:
    """Length of an interval named as in ``INTERVALS``.

    Raises:
        InvalidParameter: the name is unknown.
    """
    try:
        return INTERVALS[interval]
    except KeyError:
        raise InvalidParameter(
            f"unknown interval {interval!r}", field="interval", allowed=tuple(INTERVALS)
        ) from None


def floor_to_grid(moment: datetime, interval: str) -> datetime:
    """Newest grid point at or before ``moment``."""
    return moment - (moment - EPOCH) % interval_length(interval)


def last_closed_open_time(server_time: datetime, interval: str) -> datetime:
    """Open time of the newest candle that is closed at ``server_time``."""
    return floor_to_grid(server_time, interval) - interval_length(interval)


def is_closed(open_time: datetime, interval: str, server_time: datetime) -> bool:
    """A candle is closed only when its open time plus its interval is at or before server time."""
    return open_time + interval_length(interval) <= server_time


def format_rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with seconds, as every answer writes it: ``2025-01-31T10:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, order=True)
class Market:
    """A symbol and an interval, for example ``BTC-USD:1h``."""

    symbol: str
    interval: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``SYMBOL:INTERVAL``.

        Raises:
            InvalidParameter: the form is wrong or the interval is unknown.
        """
        symbol, separator, interval = text.partition(":")
        base, dash, quote = symbol.partition("-")
        if not (separator and dash and base.isalnum() and quote.isalnum()):
            raise InvalidParameter(
                f"market {text!r} is malformed",
                field="market",
                allowed="SYMBOL:INTERVAL, BTC-USD:1h",
            )
        interval_length(interval)
        return cls(symbol.upper(), interval)

    @property
    def length(self) -> timedelta:
        """Length of one candle."""
        return interval_length(self.interval)

    def __str__(self) -> str:
        return f"{self.symbol}:{self.interval}"
