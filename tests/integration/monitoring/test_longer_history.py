"""A history that has grown enough for a better model asks for a training."""

from dataclasses import replace

import pandas as pd
import pytest

from monitoring.decision import Attempt
from monitoring.longer_history import GROWTH, longer_history
from tests.integration.monitoring.conftest import HORIZON, HOUR, MARKET, SOURCE
from tidecast.models.ladder import find_rung
from tidecast.store import Store

EWMA = find_rung("ewma", "1h", HORIZON).candles


@pytest.fixture
def grow(store: Store, sample: pd.DataFrame):
    """Stores this many candles; returns when the newest ended."""

    def store_candles(count: int):
        candles = sample.iloc[:count]
        end = candles.index[-1].to_pydatetime() + HOUR
        store.candles.upsert(MARKET, candles, SOURCE, lambda: end)
        return end

    return store_candles


def _reasons(store, champion, trained_at, last=None, model="random_walk"):
    return longer_history(
        store, MARKET, replace(champion, model=model, trained_at=trained_at), last
    )


def test_young_market_asks_for_the_next_rung_when_it_has_the_candles(store, champion, grow):
    trained_at = grow(144)
    grow(EWMA - 1)
    assert _reasons(store, champion, trained_at) == ()
    grow(EWMA)
    assert _reasons(store, champion, trained_at) == (
        f"longer history: {EWMA} candles are enough for the ewma",
    )


def test_rung_that_was_tried_is_tried_again_when_the_history_is_a_quarter_longer(
    store, champion, grow
):
    trained_at, tried_at = grow(144), grow(EWMA)
    last = Attempt(tried_at, failed=False)
    grow(int(GROWTH * EWMA) - 1)
    assert _reasons(store, champion, trained_at, last) == ()
    grow(int(GROWTH * EWMA) + 1)
    assert _reasons(store, champion, trained_at, last) != ()


def test_training_that_failed_does_not_count_as_a_try(store, champion, grow):
    trained_at, tried_at = grow(144), grow(EWMA)
    assert _reasons(store, champion, trained_at, Attempt(tried_at, failed=True)) != ()


def test_best_model_asks_for_nothing(store, champion, grow):
    trained_at = grow(144)
    grow(1500)
    assert _reasons(store, champion, trained_at, model="ensemble") == ()


def test_model_that_was_not_written_down_asks_for_nothing(store, champion, grow):
    trained_at = grow(144)
    grow(1500)
    assert _reasons(store, champion, trained_at, model=None) == ()


def test_champion_that_cannot_be_read_asks_for_nothing(store):
    assert longer_history(store, MARKET, None, None) == ()


def test_monitor_starts_a_training_for_a_longer_history(world, champion):
    young = replace(
        champion, model="random_walk", trained_at=world.candles.index[144].to_pydatetime()
    )
    world.read_champion = lambda market, version: young
    (report,) = world.pass_hours(1)
    assert report.retraining is not None
    assert world.store.retrainings.newest(MARKET).reason.startswith("longer history: 601 candles")
