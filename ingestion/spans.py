"""Which candles to ask a source for: pure arithmetic on the time grid."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidecast.price_jumps import CONFIRMING_CANDLES
from tidecast.timeframes import floor_to_grid, interval_length

CHUNK_CANDLES = 1500
"""Candles asked and stored in one go: what a failure loses, and how often progress is told."""


@dataclass(frozen=True)
class Span:
    """Open times in ``[start, end)``, both on the grid."""

    start: datetime
    end: datetime

    def candles(self, interval: str) -> int:
        """Number of open times."""
        return (self.end - self.start) // interval_length(interval)

    def chunks(self, interval: str) -> Iterator["Span"]:
        """The span in pieces, oldest first; each asks again for the last candles before it.

        A jump at the end of a piece is confirmed by the candles at the start of the next one.
        """
        start = self.start
        while start < self.end:
            end = min(start + CHUNK_CANDLES * interval_length(interval), self.end)
            yield Span(max(self.start, start - CONFIRMING_CANDLES * interval_length(interval)), end)
            start = end

    def with_neighbors(self, interval: str, end: datetime) -> "Span":
        """The span and the candles on both sides that its prices are compared with.

        Args:
            interval: of the candles.
            end: no candle from here on.
        """
        margin = CONFIRMING_CANDLES * interval_length(interval)
        return Span(self.start - margin, min(self.end + margin, end))


def history_start(now: datetime, interval: str, history_days: int, min_candles: int) -> datetime:
    """First open time that an empty store is filled from."""
    span = max(timedelta(days=history_days), min_candles * interval_length(interval))
    return floor_to_grid(now - span, interval)


def newest_span(now: datetime, interval: str, newest_open: datetime, overlap_candles: int) -> Span:
    """From the newest stored candles, to see their revisions, to the one that is open now.

    The open candle is asked too: a machine whose clock is minutes slow would miss the newest
    closed one otherwise. What is closed is decided by the source's time.
    """
    length = interval_length(interval)
    end = floor_to_grid(now, interval) + length
    return Span(min(newest_open - (overlap_candles - 1) * length, end - length), end)
