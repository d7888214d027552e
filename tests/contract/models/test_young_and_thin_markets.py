"""Every model on short and on thin histories: an honest forecast, or what is missing."""

import numpy as np
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.errors import FitFailed, ForecastInvalid, TooFewCandles
from tidecast.models import catalogue
from tidecast.models.calibration import Calibration
from tidecast.models.forecasting import forecast_at
from tidecast.models.ladder import ladder
from tidecast.timeframes import Market

PATTERNS = {
    "whole": lambda positions, random: positions,
    "every 3rd": lambda positions, random: positions[::3],
    "every 24th": lambda positions, random: positions[::24],
    "70 %": lambda positions, random: positions[random.random(len(positions)) < 0.7],
    "30 %": lambda positions, random: positions[random.random(len(positions)) < 0.3],
    "an outage": lambda positions, random: np.delete(positions, slice(-200, -20)),
}
HOURS = (100, 150, 500, 900, 1300, 1500, 2000)
LENGTHS = [("1h", count) for count in HOURS] + [
    ("1d", 150),
    ("1d", 400),
    ("1d", 900),
    ("5m", 300),
    ("5m", 2000),
]
HORIZON = 24


def _candles(interval, count, pattern):
    positions = PATTERNS[pattern](np.arange(count), np.random.default_rng(count))
    return synthetic_candles(count, interval, seed=4).iloc[positions]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("interval", "count"), LENGTHS)
def test_model_forecasts_or_says_what_it_lacks(interval, count, pattern, name):
    candles = _candles(interval, count, pattern)
    try:
        model = catalogue.fit(name, candles, interval, HORIZON)
    except TooFewCandles as error:
        assert error.have < error.needed
        assert name != "random_walk" or len(candles) <= 100
        return
    except FitFailed:
        return
    market, calibration = Market("BTC-USD", interval), Calibration.initial(HORIZON)
    try:
        forecast = forecast_at(model, calibration, candles, market, "1")
    except ForecastInvalid:
        assert name != "random_walk"
        return
    assert forecast.cutoff == candles.index[-1] + market.length
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.baseline_quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize("interval", ["5m", "1h", "1d"])
@pytest.mark.parametrize("place", range(4), ids=["random_walk", "ewma", "garch", "ensemble"])
def test_model_can_be_fitted_on_what_its_rung_says(interval, place):
    rung = ladder(interval, HORIZON)[place]
    candles = synthetic_candles(rung.fit_candles, interval)
    assert catalogue.fit(rung.model, candles, interval, HORIZON).name == rung.model


def test_lowest_rungs_need_what_their_models_ask_for():
    for rung in ladder("1h", HORIZON)[:2]:
        with pytest.raises(TooFewCandles) as caught:
            catalogue.fit(rung.model, synthetic_candles(rung.fit_candles - 1), "1h", HORIZON)
        assert caught.value.needed == rung.fit_candles
