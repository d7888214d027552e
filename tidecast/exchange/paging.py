"""Paging by windows of time, the one way that works for every exchange and always ends.

The windows of a question are fixed before the first request. What an exchange answers to one of
them, in whatever order, too much or too little, cannot make us ask for ever, skip a window or
take a candle twice: of each page only the rows of its own window are used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidecast.candles import Quarantined, frame_from_rows
from tidecast.errors import InvalidParameter
from tidecast.exchange.rows import Row, RowFormat, read_rows, row_text
from tidecast.exchange.source import Page
from tidecast.timeframes import floor_to_grid, interval_length


@dataclass(frozen=True)
class Window:
    """Open times from ``first`` to ``last``, both included and both on the grid."""

    first: datetime
    last: datetime
    length: timedelta

    @property
    def end(self) -> datetime:
        """End of the last candle; its open time and this are never the same window."""
        return self.last + self.length

    @property
    def candles(self) -> int:
        """Number of open times."""
        return (self.last - self.first) // self.length + 1


@dataclass(frozen=True)
class RawPage:
    """Rows as an exchange sent them, and its time then."""

    rows: Sequence[object]
    server_time: datetime


def windows(start: datetime, end: datetime, interval: str, most: int) -> Iterator[Window]:
    """Cut the open times in ``[start, end)`` into windows of at most ``most``, oldest first."""
    length = interval_length(interval)
    first = floor_to_grid(start, interval)
    if first < start:
        first += length
    while first < end:
        last = min(first + (most - 1) * length, floor_to_grid(end - timedelta.resolution, interval))
        yield Window(first, last, length)
        first = last + length


def gather(
    source: str,
    asked: Iterable[Window],
    ask: Callable[[Window], RawPage],
    row_format: RowFormat,
) -> Page:
    """Ask window after window, oldest first, so that the newest answer holds the newest candles.

    Raises:
        InvalidParameter: there is no window to ask.
        SourceAnswerInvalid: no row of a page has the documented shape.
    """
    candles: list[Row] = []
    problems: list[Quarantined] = []
    server_time: datetime | None = None
    for window in asked:
        page = ask(window)
        rows, unreadable = read_rows(source, page.rows, row_format)
        candles += [row for row in rows if window.first <= row[0] < window.end]
        problems += unreadable
        problems += _future_rows(rows, window, page.server_time)
        server_time = page.server_time
    if server_time is None:
        raise InvalidParameter(
            "no open time of the interval lies between start and end",
            field="start",
            allowed="a start before the end",
        )
    return Page(frame_from_rows(candles), server_time, tuple(problems))


def _future_rows(rows: list[Row], window: Window, server_time: datetime) -> list[Quarantined]:
    """Rows nobody asked for are passed over, but those of the future are a fault to report."""
    return [
        Quarantined(row[0], row_text(row), "open time in the future")
        for row in rows
        if row[0] >= window.end and row[0] > server_time
    ]
