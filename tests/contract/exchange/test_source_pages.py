"""Good candles arrive whole, once, and the open one is never taken for closed."""

import random
from datetime import timedelta

import pandas as pd
import pytest

from tidecast.candles import COLUMNS, validate

PAGES = {"kraken": 0.7, "yahoo": 2.0}
"""How many pages are asked, 2.5 where not named: Kraken and Yahoo have no second page."""


@pytest.fixture
def count(dialect):
    pages = PAGES.get(dialect.name, 2.5)
    return min(int(dialect.per_request * pages), 2500)


def expected_frame(candles):
    frame = pd.DataFrame(candles).set_index("time").rename_axis("open_time")
    return frame.astype(float)[list(COLUMNS)]


def assert_good(page, dialect, candles):
    good, refused = validate(page.candles, dialect.interval, page.server_time)
    assert refused == []
    assert page.problems == ()
    pd.testing.assert_frame_equal(good, expected_frame(candles), check_index_type=False)


def test_fetch_brings_every_candle_once(dialect, serve, fetch, count):
    candles = [dialect.candle(i) for i in range(-50, count + 50)]
    serve(candles)
    page = fetch(count)
    assert len(page.candles) == count
    assert_good(page, dialect, candles[50:-50])


def test_fetch_asks_each_window_once_whatever_is_answered(dialect, server, fetch, count):
    server.play = lambda asked: dialect.answer([dialect.candle(0)], asked)
    fetch(count)
    queries = [tuple(asked.query.items()) for asked in server.asked]
    assert len(queries) == len(set(queries)) <= count // dialect.per_request + 2


@pytest.mark.parametrize("order", ["reversed", "shuffled", "duplicated", "overlapping"])
def test_fetch_gives_the_same_table_when_pages_are(order, dialect, server, fetch, reply, count):
    candles = [dialect.candle(i) for i in range(count)]
    disorder = {
        "reversed": lambda page: page[::-1],
        "shuffled": lambda page: random.Random(7).sample(page, len(page)),
        "duplicated": lambda page: page + page,
        "overlapping": lambda page: candles[:5] + page + candles[-5:],
    }[order]

    def play(asked):
        first, last = dialect.window(asked.query)
        page = [candle for candle in candles if first <= candle["time"] <= last]
        return reply(dialect.page(disorder(page)))

    server.play = play
    assert_good(fetch(count), dialect, candles)


def test_fetch_leaves_out_rows_before_the_start_and_after_the_end(dialect, server, fetch, reply):
    candles = [dialect.candle(i) for i in range(-3, 6)]
    server.script.append(reply(dialect.page(candles)))
    assert_good(fetch(3), dialect, candles[3:6])


def test_fetch_gives_an_empty_page_when_the_exchange_has_nothing(dialect, server, fetch, reply):
    server.script.append(reply(dialect.page([])))
    page = fetch(3)
    assert page.candles.empty
    assert page.server_time == server.now


def test_fetch_leaves_missing_candles_missing(dialect, serve, fetch):
    candles = [dialect.candle(i) for i in (0, 1, 4, 5)]
    serve(candles)
    assert_good(fetch(6), dialect, candles)


@pytest.mark.parametrize(
    ("after_close_seconds", "closed"), [(-0.1, 2), (0.0, 3), (0.5, 3), (59.9, 3)]
)
def test_candle_counts_as_closed_only_by_server_time(
    after_close_seconds, closed, dialect, server, serve, fetch
):
    candles = [dialect.candle(i) for i in range(4)]
    serve(candles)
    server.now = candles[3]["time"] + timedelta(seconds=after_close_seconds)
    page = fetch(10)
    good, refused = validate(page.candles, dialect.interval, page.server_time)
    assert len(good) == closed
    assert [row.reason for row in refused] in ([], ["open time in the future"])


def test_candle_of_a_cached_answer_is_not_closed_by_the_cache(dialect, server, fetch, reply):
    candles = [dialect.candle(i) for i in range(3)]
    just_after = candles[2]["time"] + timedelta(seconds=1)
    server.script.append(reply(dialect.page(candles), date=just_after, headers={"Age": "2"}))
    page = fetch(3)
    good, _ = validate(page.candles, dialect.interval, page.server_time)
    assert len(good) == 1


def test_server_time_is_that_of_the_newest_answer(dialect, server, serve, fetch, count):
    serve([dialect.candle(i) for i in range(count)])
    source_answers = server.play

    def play(asked):
        server.now += timedelta(seconds=10)
        return source_answers(asked)

    server.play = play
    told = fetch(count).server_time
    behind = server.now - told
    # An answer that a busy machine waited for counts as that much older; never as newer.
    assert timedelta(0) <= behind < timedelta(seconds=5)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Kathmandu"])
def test_rows_do_not_depend_on_the_zone_of_the_machine(zone, dialect, serve, fetch, timezone):
    candles = [dialect.candle(i) for i in range(72)]
    serve(candles)
    timezone(zone)
    page = fetch(72)
    assert_good(page, dialect, candles)
