"""One odd candle, a halt or an outage leaves every model and member with a plausible interval."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles, with_still
from tidecast.errors import FitFailed, TooFewCandles
from tidecast.features.grid import Grid
from tidecast.forecasts import LEVELS, mean_of
from tidecast.models import catalogue
from tidecast.models.calibration import Calibration
from tidecast.models.ensemble import Ensemble
from tidecast.models.forecasting import forecast_at
from tidecast.timeframes import Market

LOWER, UPPER = LEVELS.index(0.05), LEVELS.index(0.95)
MEMBERS = ("sarimax", "boosting", "har")
MAX_CHANGE = 1.5
"""Factor by which one odd candle may change the width of a 90 % interval, either way."""


@pytest.fixture(params=[*catalogue.CLASSES, *MEMBERS])
def widths(request, fitted):
    """Takes candles, gives the width of the 90 % interval at each step after the last of them."""
    model = fitted(Ensemble.name if request.param in MEMBERS else request.param)

    def measure(candles: pd.DataFrame):
        answers = (
            model.predict_members(candles)
            if isinstance(model, Ensemble)
            else {request.param: model.predict(candles)}
        )
        quantiles = answers[request.param].quantiles[0]
        return quantiles[:, UPPER] - quantiles[:, LOWER]

    return measure


def _single_trade(candles: pd.DataFrame) -> pd.DataFrame:
    changed = candles.copy()
    changed.iloc[-1, :4] = changed["close"].iloc[-1]
    return changed


def _volume(candles: pd.DataFrame, factor: float) -> pd.DataFrame:
    changed = candles.copy()
    changed.iloc[-1, 4] *= factor
    return changed


ODD_CANDLES = {
    "flat, without volume": lambda c: with_still(c, [(len(c) - 1, 1)]),
    "flat, with volume": lambda c: with_still(c, [(len(c) - 1, 1)]).assign(volume=c["volume"]),
    "single trade": _single_trade,
    "without volume": lambda c: _volume(c, 0.0),
    "volume of dust": lambda c: _volume(c, 1e-9),
    "missing": lambda c: c.drop(c.index[-2]),
}


@pytest.mark.parametrize("odd", ODD_CANDLES)
@pytest.mark.parametrize("before", [0, 6, 17, 30])
def test_one_odd_candle_changes_an_interval_by_little(odd, before, widths, market):
    candles = market("1h")
    candles = candles.iloc[: len(candles) - before]
    change = widths(ODD_CANDLES[odd](candles)) / widths(candles)
    assert (change < MAX_CHANGE).all() and (change > 1 / MAX_CHANGE).all()


@pytest.mark.parametrize("factor", [50_000.0, 1 / 50_000.0])
@pytest.mark.parametrize("hours", [1, 5, 24])
def test_another_unit_of_volume_leaves_a_plausible_interval(hours, factor, widths, market):
    """The volume of this market tells far more of its variance than that of a real one."""
    candles = market("1h")
    changed = candles.copy()
    changed.iloc[-hours:, 4] *= factor
    change = widths(changed) / widths(candles)
    assert (change > 1 / 2.5).all() and (change < 3).all()


def _outages(candles: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The newest candles later than they were, at a price that moved as long as that takes."""
    close = np.log(candles["close"].to_numpy())
    for hours in (1, 2, 5, 12, 24, 48, 120, 400, 720):
        for after in (1, 2, 6):
            index = candles.index.to_series()
            index.iloc[:-after] -= pd.Timedelta(hours=hours)
            shifted = candles.set_axis(pd.DatetimeIndex(index, name="open_time"))
            moved = (close[-after] - close[-after - 1]) * (np.sqrt(hours + 1) - 1)
            shifted.iloc[-after:, :4] *= np.exp(moved)
            yield shifted


def test_outage_never_narrows_an_interval(widths, market):
    candles = market("1h")
    expected = widths(candles)
    for after_outage in _outages(candles):
        assert (widths(after_outage) >= 0.999 * expected).all()


def test_halt_of_a_week_never_narrows_an_interval(widths, market):
    """A whole week, so that the season is the same before and after."""
    candles = market("1h")
    later = pd.date_range(candles.index[-1], periods=169, freq="1h", inclusive="right")
    still = dict.fromkeys(("open", "high", "low", "close"), candles["close"].iloc[-1])
    halt = pd.DataFrame({**still, "volume": 0.0}, index=later.as_unit("us"))
    assert (widths(pd.concat([candles, halt])) >= 0.999 * widths(candles)).all()


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000.0, 20.0])
@pytest.mark.parametrize("after", [1, 3, 30, 150])
def test_split_of_the_price_leaves_a_plausible_interval(after, factor, widths, market):
    candles = market("1h")
    split = candles.copy()
    split.iloc[-after:, :4] *= factor
    change = widths(split) / widths(candles)
    assert (change > 1 / MAX_CHANGE).all() and (change < MAX_CHANGE).all()


@pytest.mark.parametrize("model", ["random_walk", "ewma"])
def test_young_market_with_a_split_in_its_history_is_forecast(model, training):
    candles = training("1h").iloc[:700].copy()
    whole = catalogue.fit(model, candles, "1h", 24).predict(candles).quantiles[0]
    candles.iloc[350:, :4] *= 1000.0
    split = catalogue.fit(model, candles, "1h", 24).predict(candles).quantiles[0]
    change = (split[:, UPPER] - split[:, LOWER]) / (whole[:, UPPER] - whole[:, LOWER])
    assert (change > 1 / MAX_CHANGE).all() and (change < MAX_CHANGE).all()


@pytest.mark.parametrize("every", [2, 3])
def test_ensemble_of_a_market_without_neighboring_candles_is_a_failed_fit(every, training):
    with pytest.raises((FitFailed, TooFewCandles)):
        catalogue.fit("ensemble", synthetic_candles(3200 * every).iloc[::every], "1h", 24)


def test_relisting_at_another_price_leaves_a_plausible_interval(widths, market):
    candles = market("1h")
    moved = candles.copy()
    moved.iloc[-1, :4] /= 6.0
    index = moved.index.to_series()
    index.iloc[:-1] -= pd.Timedelta(days=20)
    relisted = moved.set_axis(pd.DatetimeIndex(index, name="open_time"))
    change = widths(relisted) / widths(candles)
    assert (change > 1 / MAX_CHANGE).all() and (change < MAX_CHANGE).all()


@pytest.mark.parametrize("hours", [1, 6, 12, 24, 120])
def test_flat_hours_give_a_forecast(hours, name, fitted, market):
    candles = market("1h")
    halted = with_still(candles, [(len(candles) - hours, hours)])
    forecast = forecast_at(
        fitted(name), Calibration.initial(24), halted, Market("BTC-USD", "1h"), "1"
    )
    assert forecast.close == halted["close"].iloc[-1]
    np.testing.assert_allclose(mean_of(forecast.quantiles), forecast.mean)


def test_active_candles_are_what_a_model_says_it_needs(name, fitted, market, assert_same_bits):
    """Still candles do not count: the same answer from the newest rows that hold enough."""
    model, candles = fitted(name), market("1h")
    halted = with_still(candles, [(len(candles) - 200, 30), (len(candles) - 50, 3)])
    first = Grid.of(halted, "1h").active.positions[-model.needed_candles]
    newest = halted[halted.index >= halted.index[0] + first * pd.Timedelta(hours=1)]
    assert_same_bits(model.predict(newest), model.predict(halted))
