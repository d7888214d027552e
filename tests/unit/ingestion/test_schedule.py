import threading
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.run import IngestionResult
from ingestion.schedule import Schedule, next_due
from tidecast.errors import StoreUnavailable
from tidecast.settings import MarketSettings, SourceSettings

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class HandClock:
    """Stands still until it is set."""

    simulated = True

    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at

    def real_seconds(self, span):
        return span.total_seconds()


def _settings(symbol):
    source = SourceSettings(exchange="replay", pair="BTC-USD")
    return MarketSettings(symbol=symbol, interval="1h", sources=(source,))


def _result(settings, lag_candles=0):
    return IngestionResult(
        market=settings.market,
        source="replay:BTC-USD",
        inserted=1,
        revised=0,
        unchanged=0,
        quarantined=0,
        confirmed=0,
        held_back=0,
        clamped=0,
        newest=NOON,
        lag_candles=lag_candles,
        gaps=(),
        disagreements=(),
        failures=(),
    )


@pytest.mark.parametrize(
    ("now", "interval", "due"),
    [
        (NOON + 7 * SECOND, "1h", NOON + 60 * MINUTE + 5 * SECOND),
        (NOON + 59 * MINUTE, "1h", NOON + 60 * MINUTE + 5 * SECOND),
        (NOON + 7 * SECOND, "5m", NOON + 5 * MINUTE + 5 * SECOND),
        (NOON, "1d", datetime(2025, 3, 11, 0, 0, 5, tzinfo=UTC)),
    ],
)
def test_next_due_is_a_few_seconds_after_the_next_close(now, interval, due):
    assert next_due(now, interval, times_late=0) == due


def test_next_due_of_a_late_candle_comes_ever_more_rarely():
    pauses = [next_due(NOON, "1h", n) - NOON for n in range(1, 9)]
    assert pauses == [10 * SECOND * 2**n for n in range(6)] + [10 * MINUTE, 10 * MINUTE]


def test_next_due_of_a_late_candle_is_not_after_the_regular_time():
    almost = NOON + 59 * MINUTE + 50 * SECOND
    assert next_due(almost, "1h", times_late=9) == NOON + 60 * MINUTE + 5 * SECOND


def test_schedule_ingests_each_market_once_per_candle():
    clock, seen = HandClock(NOON), []
    schedule = Schedule(
        lambda settings: seen.append(settings.symbol) or _result(settings),
        [_settings("BTC-USD"), _settings("ETH-USD")],
        clock,
        lambda result: None,
    )
    for minutes in (0, 1, 30, 60, 61, 62, 119):
        clock.at = NOON + minutes * MINUTE
        schedule.run_due(threading.Event())
    assert seen == ["BTC-USD", "ETH-USD"] * 2


def test_schedule_catches_up_after_the_machine_slept():
    clock, seen = HandClock(NOON), []
    schedule = Schedule(
        lambda settings: seen.append(clock.now()) or _result(settings),
        [_settings("BTC-USD")],
        clock,
        lambda result: None,
    )
    schedule.run_due(threading.Event())
    clock.at = NOON + timedelta(hours=9)
    schedule.run_due(threading.Event())
    assert seen == [NOON, clock.at]


def test_schedule_asks_again_soon_while_a_candle_is_late():
    clock, lags, seen = HandClock(NOON), [1, 1, 0, 0], []

    def ingest(settings):
        seen.append((clock.now() - NOON).total_seconds())
        return _result(settings, lags.pop(0))

    schedule = Schedule(ingest, [_settings("BTC-USD")], clock, lambda result: None)
    for second in range(0, 120):
        clock.at = NOON + second * SECOND
        schedule.run_due(threading.Event())
    assert seen == [0, 10, 30]


@pytest.mark.parametrize("error", [StoreUnavailable("locked"), ZeroDivisionError()])
def test_schedule_goes_on_when_one_market_fails(error):
    clock, reported = HandClock(NOON), []

    def ingest(settings):
        if settings.symbol == "BTC-USD":
            raise error
        return _result(settings)

    markets = [_settings("BTC-USD"), _settings("ETH-USD")]
    Schedule(ingest, markets, clock, reported.append).run_due(threading.Event())
    assert [result.market.symbol for result in reported] == ["ETH-USD"]


def test_schedule_ends_when_it_is_stopped():
    stop = threading.Event()

    def ingest(settings):
        stop.set()
        return _result(settings)

    markets = [_settings("BTC-USD"), _settings("ETH-USD")]
    seen = []
    Schedule(ingest, markets, HandClock(NOON), seen.append).run(stop)
    assert len(seen) == 1
