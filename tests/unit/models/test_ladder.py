import pytest

from tidecast.errors import TooFewCandles
from tidecast.models.ladder import (
    find_rung,
    higher_rung,
    ladder,
    short_history_reason,
    supported_rungs,
)

INTERVALS = ("5m", "1h", "1d")


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("horizon", [1, 24, 48])
def test_every_rung_needs_more_candles_than_the_one_below(interval, horizon):
    rungs = ladder(interval, horizon)
    assert [rung.model for rung in rungs] == ["random_walk", "ewma", "garch", "ensemble"]
    needed = [rung.candles for rung in rungs]
    assert needed == sorted(set(needed))


def test_six_days_of_hours_are_enough_for_the_random_walk_only():
    assert [rung.model for rung in supported_rungs("1h", 24, 144)] == ["random_walk"]
    assert [rung.model for rung in supported_rungs("1h", 48, 144)] == ["random_walk"]


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_rung_is_supported_from_its_number_of_candles_on(interval):
    for rung in ladder(interval, 24)[1:]:
        assert supported_rungs(interval, 24, rung.candles)[0] == rung
        assert rung not in supported_rungs(interval, 24, rung.candles - 1)


def test_no_rung_is_supported_by_a_hundred_candles():
    with pytest.raises(TooFewCandles) as caught:
        supported_rungs("1h", 24, 100)
    assert (caught.value.needed, caught.value.have) == (101, 100)


def test_short_history_is_told_in_words():
    top = find_rung("ensemble", "1h", 24)
    assert short_history_reason("random_walk", "1h", 24, 144) == (
        f"short history: 144 candles, the ensemble needs {top.candles:,}; forecast by random_walk"
    )


@pytest.mark.parametrize(
    ("model", "candles"),
    [("ensemble", 900), ("garch", 100_000), ("seasonal_naive", 900)],
    ids=["the best model", "refused by the gate", "not on the ladder"],
)
def test_a_history_is_short_only_where_candles_are_wanting(model, candles):
    assert short_history_reason(model, "1h", 24, candles) is None


def test_higher_rung_is_the_highest_that_the_history_supports():
    rungs = ladder("1h", 24)
    assert higher_rung("random_walk", "1h", 24, rungs[1].candles - 1) is None
    assert higher_rung("random_walk", "1h", 24, rungs[1].candles) == rungs[1]
    assert higher_rung("random_walk", "1h", 24, 100_000) == rungs[3]
    assert higher_rung("ensemble", "1h", 24, 100_000) is None


def test_no_rung_is_higher_than_a_model_that_is_not_on_the_ladder():
    assert higher_rung("seasonal_naive", "1h", 24, 100_000) is None
