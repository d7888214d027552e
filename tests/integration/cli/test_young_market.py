"""A market of six days, from its candles to a forecast."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.candle_files import read_candles
from cli.replaying import SAMPLE
from tests.integration.cli.conftest import MARKET, NOW, Home
from tidecast.models.ladder import find_rung

SHORT = (
    f"short history: 144 candles, the ensemble needs {find_rung('ensemble', '1h', 24).candles:,};"
    " forecast by random_walk"
)


@pytest.fixture
def young_home(empty_home: Home) -> Home:
    """The candles of six days, and no champion."""
    candles = read_candles(SAMPLE, "1h", datetime.now(UTC)).candles
    six_days = candles[candles.index <= NOW - timedelta(hours=1)].iloc[-144:]
    assert empty_home.run("migrate").exit_code == 0
    with empty_home.store() as store:
        store.candles.upsert(MARKET, six_days, "replay:BTC-USD", lambda: NOW)
    return empty_home


def test_young_market_is_trained_served_and_shown(young_home: Home) -> None:
    trained = young_home.json("train", "BTC-USD:1h")
    assert (trained["status"], trained["version"]) == ("promoted", "1")
    forecast = young_home.json("forecast", "BTC-USD")
    assert SHORT in forecast["degraded"]
    widths = [step["quantiles"]["0.95"] - step["quantiles"]["0.05"] for step in forecast["steps"]]
    assert widths[0] < widths[5] < widths[23]
    (market,) = young_home.json("status")["markets"]
    assert (market["model"], market["short_history"]) == ("random_walk", SHORT)
    shown = young_home.run("status").stdout
    assert "version 1 (random_walk), promoted" in shown
    assert "short history: 144 candles" in shown
