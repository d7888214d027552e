"""A bad row is refused with a reason, its neighbours stay, and nothing bad counts as good."""

import math
from datetime import timedelta

import pytest

from tidecast.candles import validate
from tidecast.errors import SourceAnswerInvalid

PRICES = ("open", "high", "low", "close")
SENDING_ROWS = [
    "binance",
    "bitstamp",
    "coinbase",
    "coincap",
    "coinpaprika",
    "cryptocompare",
    "kraken",
]
"""All but Yahoo, which sends columns."""


@pytest.fixture
def reasons(dialect, server, fetch, reply):
    """Reasons for which the middle one of nine candles is refused; the others must be good."""

    def of(**values):
        candles = [dialect.candle(i) for i in range(9)]
        candles[4] = dialect.candle(4, **values)
        server.script.append(reply(dialect.page(candles)))
        page = fetch(9)
        good, refused = validate(page.candles, dialect.interval, page.server_time)
        assert list(good.index) == [c["time"] for i, c in enumerate(candles) if i != 4]
        return [row.reason for row in (*page.problems, *refused)]

    return of


@pytest.mark.parametrize("name", [*PRICES, "volume"])
@pytest.mark.parametrize("value", ["", "n/a", "1,5", "0x10", "1_000", "١٢", None, True, [], {}])
def test_row_with_an_unreadable_value_is_a_problem(value, name, reasons):
    (reason,) = reasons(**{name: value})
    assert reason.startswith(f"{name}: ")
    assert "is not a number" in reason


def test_text_is_a_number_only_where_the_exchange_sends_text(dialect, server, fetch, reply):
    server.script.append(reply(dialect.page([dialect.candle(0, close="101.5")])))
    page = fetch(1)
    expected = [] if dialect.text_numbers else ["close: '101.5' is not a number"]
    assert [row.reason for row in page.problems] == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_row_that_is_not_finite_is_refused(value, dialect, reasons):
    (reason,) = reasons(close=value)
    expected = "is not a number" if dialect.text_numbers else "not a finite number"
    assert expected in reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"low": -1.0}, "price not above zero"),
        ({"open": 0.0, "low": 0.0}, "price not above zero"),
        ({"volume": -2.0}, "volume below zero"),
        ({"high": 80.0, "low": 120.0}, "high below open, close or low"),
        ({"high": 101.0, "close": 110.0}, "high below open, close or low"),
        ({"low": 99.5, "close": 95.0}, "low above open or close"),
        (
            {"open": 1e5, "high": 1.2e5, "low": 9e4, "close": 1e5},
            "price more than 5 times away from the candles around it",
        ),
    ],
)
def test_row_that_no_market_makes_is_refused(values, reason, reasons):
    assert reasons(**values) == [reason]


def test_row_with_a_huge_integer_is_refused(dialect, reasons):
    assert len(reasons(close=10**400)) == 1


def test_row_of_zero_volume_is_good(dialect, server, fetch, reply):
    candles = [dialect.candle(i, volume=0.0) for i in range(3)]
    server.script.append(reply(dialect.page(candles)))
    page = fetch(3)
    good, refused = validate(page.candles, dialect.interval, page.server_time)
    assert (good["volume"] == 0).all()
    assert (len(good), refused, page.problems) == (3, [], ())


def test_row_of_the_future_is_refused(dialect, server, fetch, reply):
    candles = [dialect.candle(i) for i in (0, 1, 9, 30)]
    server.now = dialect.candle(3)["time"]
    server.script.append(reply(dialect.page(candles)))
    page = fetch(12)
    good, refused = validate(page.candles, dialect.interval, page.server_time)
    assert len(good) == 2
    found = [row.reason for row in (*refused, *page.problems)]
    assert found == ["open time in the future"] * 2


def test_time_in_microseconds_is_a_problem(dialect, server, fetch, reply):
    microseconds = int(dialect.candle(1)["time"].timestamp() * 1_000_000)
    candles = [dialect.candle(0), dialect.candle(1, time=microseconds), dialect.candle(2)]
    server.script.append(reply(dialect.page(candles)))
    page = fetch(3)
    assert len(page.candles) == 2
    (problem,) = page.problems
    assert problem.open_time is None
    assert problem.reason.startswith("open time: ")


@pytest.mark.parametrize("value", ["soon", None, -1, 0, 10**30, [1], True])
def test_unreadable_time_is_a_problem(value, dialect, server, fetch, reply):
    candles = [dialect.candle(0), dialect.candle(1, time=value), dialect.candle(2)]
    server.script.append(reply(dialect.page(candles)))
    page = fetch(3)
    assert len(page.candles) == 2
    assert [row.reason.partition(":")[0] for row in page.problems] == ["open time"]


def test_problem_keeps_the_time_and_the_text_of_its_row(dialect, server, fetch, reply):
    bad = dialect.candle(1, close="broken")
    server.script.append(reply(dialect.page([dialect.candle(0), bad])))
    (problem,) = fetch(3).problems
    assert problem.open_time == bad["time"]
    assert '"broken"' in problem.row


def test_one_time_with_two_prices_is_refused_twice(dialect, server, fetch, reply):
    candles = [dialect.candle(0), dialect.candle(1), dialect.candle(1, close=111.0)]
    server.script.append(reply(dialect.page(candles)))
    page = fetch(3)
    good, refused = validate(page.candles, dialect.interval, page.server_time)
    assert len(good) == 1
    assert [row.reason for row in refused] == ["open time twice with different values"] * 2


def test_off_grid_time_is_refused(dialect, server, fetch, reply):
    off = dialect.candle(1)["time"] + timedelta(seconds=1)
    candles = [dialect.candle(0), dialect.candle(1, time=off), dialect.candle(2)]
    server.script.append(reply(dialect.page(candles)))
    page = fetch(3)
    good, refused = validate(page.candles, dialect.interval, page.server_time)
    assert len(good) == 2
    assert [row.reason for row in refused] == ["open time off the grid"]


@pytest.mark.parametrize("dialect", SENDING_ROWS, indirect=True)
@pytest.mark.parametrize("row", [[], {}, 7, "candle", None])
def test_row_of_another_shape_is_a_problem_among_good_ones(row, dialect, server, fetch, reply):
    rows = [dialect.row(dialect.candle(0)), row]
    server.script.append(reply(dialect.wrap(rows)))
    page = fetch(3)
    assert len(page.candles) == 1
    assert "there is no field" in page.problems[0].reason


@pytest.mark.parametrize("dialect", SENDING_ROWS, indirect=True)
@pytest.mark.parametrize("row", [[], {"note": "moved"}, 7, "candle", None])
def test_page_without_any_row_of_the_documented_shape_is_refused(
    row, dialect, server, fetch, reply
):
    server.script.append(reply(dialect.wrap([row, row])))
    with pytest.raises(SourceAnswerInvalid, match="another shape"):
        fetch(3)
