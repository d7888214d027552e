from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from monitoring.recalibration import recalibrate
from monitoring.scoring import score_matured
from tidecast.evaluation.backtest import calibrate_online
from tidecast.features.grid import Grid, step_returns
from tidecast.forecasts import Forecast
from tidecast.models.calibration import Calibration, centered
from tidecast.models.forecasting import to_prices
from tidecast.models.model import ReturnForecasts
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
HOUR = timedelta(hours=1)
INITIAL = Calibration.initial(6).to_json()


def advance(world: Any, version: str = "1") -> Any:
    score_matured(world.store, MARKET, world.now, world.now)
    return recalibrate(world.store, MARKET, version, lambda: INITIAL)


def state(world: Any, version: str = "1") -> str:
    found = world.store.calibrations.get(MARKET, version)
    assert found is not None
    return str(found[1])


def test_recalibrate_stores_nothing_without_scores(world: Any) -> None:
    world.serve()

    assert advance(world) is None
    assert world.store.calibrations.get(MARKET, "1") is None


def test_recalibrate_stores_the_state_under_the_newest_target_time(world: Any) -> None:
    world.pass_hours(5, monitoring=False)

    assert advance(world) == world.now
    assert world.store.calibrations.get(MARKET, "1")[0] == world.now


def test_recalibrate_starts_from_the_state_of_the_artefact(world: Any) -> None:
    world.pass_hours(3, monitoring=False)
    score_matured(world.store, MARKET, world.now, world.now)
    given = Calibration(np.full_like(Calibration.initial(6).widening, 0.25))

    recalibrate(world.store, MARKET, "1", given.to_json)

    widening = Calibration.from_json(state(world)).widening
    assert (widening[3:] == 0.25).all()
    assert (widening[0] != 0.25).any()


def test_recalibrate_asks_for_the_state_of_the_artefact_only_once(world: Any) -> None:
    world.pass_hours(3, monitoring=False)
    advance(world)
    world.pass_hours(1, monitoring=False)
    score_matured(world.store, MARKET, world.now, world.now)

    def refuse() -> str:
        raise AssertionError("a state is stored")

    assert recalibrate(world.store, MARKET, "1", refuse) == world.now


def test_recalibrate_gives_the_same_bits_in_one_go_and_in_many_rounds(world: Any) -> None:
    world.pass_hours(20, monitoring=False)
    score_matured(world.store, MARKET, world.now, world.now)
    recalibrate(world.store, MARKET, "1", lambda: INITIAL)
    in_one_go = state(world)

    world.version = "2"
    for newest in world.store.forecasts.read(MARKET, model_version="1"):
        forecast = replace(newest.forecast, model_version="2")
        world.store.forecasts.add(replace(newest, forecast=forecast))
    until = world.now - 19 * HOUR
    while until <= world.now:
        score_matured(world.store, MARKET, until, world.now)
        recalibrate(world.store, MARKET, "2", lambda: INITIAL)
        until += HOUR

    assert state(world, "2") == in_one_go


def test_recalibrate_changes_nothing_the_second_time(world: Any) -> None:
    world.pass_hours(9, monitoring=False)
    advance(world)
    before = state(world)

    assert advance(world) == world.now
    assert state(world) == before


def test_recalibrate_catches_up_after_a_round_that_only_scored(world: Any) -> None:
    world.pass_hours(5, monitoring=False)
    score_matured(world.store, MARKET, world.now, world.now)
    world.pass_hours(1, monitoring=False)
    advance(world)
    late = state(world)

    world.version = "2"
    for newest in world.store.forecasts.read(MARKET, model_version="1"):
        forecast = replace(newest.forecast, model_version="2")
        world.store.forecasts.add(replace(newest, forecast=forecast))
    advance(world, "2")

    assert late == state(world, "2")


def test_recalibrate_leaves_out_a_score_whose_candle_was_healed_too_late(world: Any) -> None:
    world.serve()
    world.pass_hours(1, arriving=False, serving=False, monitoring=False)
    missing = world.closed()
    world.pass_hours(2, serving=False, monitoring=False)
    advance(world)
    before = state(world)
    world.arrive(missing)

    advance(world)

    assert len(world.store.scores.read(MARKET)) == 3
    assert state(world) == before


def test_recalibrate_serves_what_the_backtest_serves(world: Any) -> None:
    """The store in between changes nothing: the same corrections at the same cutoffs."""
    served = []

    def corrected(forecast: Forecast) -> Forecast:
        found = world.store.calibrations.get(MARKET, "1", as_of=forecast.cutoff)
        calibration = Calibration.from_json(INITIAL if found is None else found[1])
        table = world.model.table
        returns = centered(np.zeros(len(table)), calibration.corrected(table))
        served.append(returns)
        return replace(forecast, quantiles=forecast.close * np.exp(returns))

    world.distort = corrected
    for _ in range(40):
        world.pass_hours(1, monitoring=False, serving=False)
        advance(world)
        world.serve()

    cutoffs = [one.forecast.cutoff for one in world.store.forecasts.read(MARKET)]
    grid = Grid.of(world.store.candles.read(MARKET), "1h")
    raw: ReturnForecasts = world.model.predict(
        world.store.candles.read(MARKET), grid.ends[np.isin(grid.ends, cutoffs)]
    )
    actual = step_returns(grid, 6)[grid.positions(raw.cutoffs, 1)]
    expected = calibrate_online(raw, actual, MARKET, Calibration.initial(6))
    assert np.abs(np.array(served) - expected.quantiles).max() < 1e-12
    assert np.ptp(expected.quantiles, axis=0).max() > 1e-5
    assert to_prices(expected)[1].shape == (40, 6, served[0].shape[-1])


@pytest.mark.parametrize("hours", [1, 10])
def test_recalibrate_keeps_versions_apart(world: Any, hours: int) -> None:
    world.pass_hours(hours + 1, monitoring=False)
    advance(world)
    world.version = "2"
    world.pass_hours(1, monitoring=False)

    assert world.store.calibrations.get(MARKET, "2") is None
