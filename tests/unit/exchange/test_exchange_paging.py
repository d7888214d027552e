from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.errors import InvalidParameter
from tidecast.exchange.paging import RawPage, gather, windows
from tidecast.exchange.rows import RowFormat
from tidecast.timeframes import EPOCH, INTERVALS, floor_to_grid, interval_length

ROW = RowFormat(0, 1, 2, 3, 4, 5)
NOW = datetime(2025, 1, 2, tzinfo=UTC)
START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(open_time: datetime, close: float = 10.0) -> list[float]:
    return [int(open_time.timestamp()), 10.0, 20.0, 5.0, close, 1.0]


@given(
    start=st.integers(1_420_000_000, 1_900_000_000).map(lambda s: EPOCH + timedelta(seconds=s)),
    span=st.timedeltas(timedelta(0), timedelta(days=9)),
    interval=st.sampled_from(sorted(INTERVALS)),
    most=st.integers(1, 1000),
)
def test_windows_hold_every_open_time_of_the_range_once(start, span, interval, most):
    length = interval_length(interval)
    held = []
    for window in windows(start, start + span, interval, most):
        assert 1 <= window.candles <= most
        held += [window.first + i * length for i in range(window.candles)]
    after = floor_to_grid(start - timedelta.resolution, interval) + length
    count = max(0, -((after - (start + span)) // length))
    assert held == [after + i * length for i in range(count)]


@given(
    sent=st.lists(st.lists(st.integers(-30, 30), max_size=40), min_size=3, max_size=3),
)
def test_gather_uses_of_each_page_only_its_own_window(sent):
    pages = iter([[row(START + i * HOUR) for i in page] for page in sent])
    asked = windows(START, START + 9 * HOUR, "1h", 3)
    page = gather("x", asked, lambda window: RawPage(next(pages), NOW), ROW)
    expected = [i for k, page in enumerate(sent) for i in page if 3 * k <= i < 3 * k + 3]
    assert [(time - START) // HOUR for time in page.candles.index] == expected


def test_gather_asks_no_more_than_its_windows_when_every_page_is_the_same():
    asked = []

    def answer(window):
        asked.append(window)
        return RawPage([row(START)], NOW)

    page = gather("x", windows(START, START + 10 * HOUR, "1h", 2), answer, ROW)
    assert len(asked) == 5
    assert len(page.candles) == 1


def test_gather_reports_rows_of_the_future_as_problems():
    future = NOW + 5 * HOUR
    rows = [row(START), row(future)]
    page = gather("x", windows(START, NOW, "1h", 100), lambda w: RawPage(rows, NOW), ROW)
    assert list(page.candles.index) == [START]
    assert [(p.open_time, p.reason) for p in page.problems] == [(future, "open time in the future")]


def test_gather_takes_the_server_time_of_the_newest_answer():
    times = iter([NOW, NOW + HOUR])
    asked = windows(START, START + 2 * HOUR, "1h", 1)
    page = gather("x", asked, lambda window: RawPage([], next(times)), ROW)
    assert page.server_time == NOW + HOUR


def test_gather_refuses_a_range_without_an_open_time():
    asked = windows(START + timedelta(minutes=1), START + HOUR, "1h", 1)
    with pytest.raises(InvalidParameter, match="between start and end"):
        gather("x", asked, lambda window: RawPage([], NOW), ROW)


def test_window_end_is_the_end_of_its_last_candle():
    (window,) = windows(EPOCH, EPOCH + 2 * HOUR, "1h", 300)
    assert (window.first, window.last, window.end) == (EPOCH, EPOCH + HOUR, EPOCH + 2 * HOUR)
