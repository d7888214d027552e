from datetime import UTC, datetime, timedelta

import pytest

from cli.candle_files import read_candles
from cli.replaying import SAMPLE
from cli.up.hours import Hours
from tidecast.store import Store
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
NOW = datetime(2018, 1, 5, tzinfo=UTC)


class FastClock:
    """Stands still, and lets no real time pass."""

    simulated = True

    def now(self):
        return NOW

    def real_seconds(self, span: timedelta):
        return 0.0


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'tidecast.db'}") as opened:
        opened.migrate()
        yield opened


@pytest.fixture(scope="module")
def candles():
    return read_candles(SAMPLE, "1h", datetime.now(UTC)).candles


@pytest.fixture
def told(store, candles):
    store.candles.upsert(MARKET, candles.iloc[:5], "replay:BTC-USD", lambda: NOW)
    lines = []
    hours = Hours(store, [MARKET], FastClock(), lines.append)

    def after(change):
        change()
        hours.tick()
        hours.tick()
        new, lines[:] = list(lines), []
        return new

    return after


def test_hour_without_news_is_silent(told):
    assert told(lambda: None) == []


def test_hour_tells_the_new_candle(told, store, candles):
    (line,) = told(
        lambda: store.candles.upsert(MARKET, candles.iloc[5:6], "replay:BTC-USD", lambda: NOW)
    )
    assert "BTC-USD:1h  +1 candle, close 13," in line
    assert "no forecast yet" in line
    assert "nothing to score yet" in line


def test_hour_tells_a_retraining_and_a_new_champion(told, store, candles):
    def change():
        store.candles.upsert(MARKET, candles.iloc[5:7], "replay:BTC-USD", lambda: NOW)
        store.retrainings.claim(MARKET, "w", "worse", NOW, 900.0)
        store.promotions.add(MARKET, "2", previous="1", at=NOW, by="x", reason="y")

    (line,) = told(change)
    assert "+2 candles" in line
    assert "retraining" in line
    assert "champion is version 2" in line


def test_hour_tells_how_a_retraining_ended(told, store, candles):
    store.retrainings.claim(MARKET, "w", "worse", NOW, 900.0)
    told(lambda: store.candles.upsert(MARKET, candles.iloc[5:6], "replay:BTC-USD", lambda: NOW))

    def change():
        store.retrainings.finish(MARKET, "w", "kept", "no better", NOW)
        store.candles.upsert(MARKET, candles.iloc[6:7], "replay:BTC-USD", lambda: NOW)

    (line,) = told(change)
    assert "retraining kept" in line
