import math

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.errors import TooFewCandles
from tidecast.forecasts import LEVELS
from tidecast.models.seasonal_naive import SeasonalNaive
from tidecast.timeframes import interval_length

SEASONS = [
    ("1h", 24, 24),
    ("1h", 1, 24),
    ("1h", 25, 48),
    ("5m", 12, 288),
    ("1d", 7, 7),
    ("1d", 8, 14),
]


@pytest.mark.parametrize(("interval", "horizon", "season"), SEASONS)
def test_centre_repeats_the_last_season_that_covers_the_horizon(interval, horizon, season):
    candles = synthetic_candles(800, interval)
    model = SeasonalNaive.fit(candles, interval, horizon)
    assert model.needed_candles == season + 1
    closes, length = candles["close"], interval_length(interval)
    center = model.predict(candles).center[0]
    newest = candles.index[-1]
    for step in range(1, horizon + 1):
        then = closes[newest - (season - step) * length] / closes[newest - season * length]
        assert center[step - 1] == pytest.approx(math.log(then), abs=1e-12)


def test_errors_are_the_quantiles_of_past_misses():
    candles, horizon, season = synthetic_candles(500), 3, 24
    log_close = np.log(candles["close"].to_numpy())
    misses = [
        [
            (log_close[i + step] - log_close[i])
            - (log_close[i - season + step] - log_close[i - season])
            for step in range(1, horizon + 1)
        ]
        for i in range(season, len(candles) - horizon)
    ]
    model = SeasonalNaive.fit(candles, "1h", horizon)
    expected = np.quantile(np.array(misses), LEVELS, axis=0).T
    np.testing.assert_allclose(model.errors, expected, atol=1e-12)


def test_quantiles_are_the_errors_around_the_centre():
    candles = synthetic_candles(500)
    model = SeasonalNaive.fit(candles, "1h", 6)
    cutoffs = pd.DatetimeIndex(candles.index[-3:] + pd.Timedelta(hours=1))
    forecasts = model.predict(candles, cutoffs)
    for center, quantiles in zip(forecasts.center, forecasts.quantiles, strict=True):
        np.testing.assert_array_equal(quantiles, center[:, None] + model.errors)


def test_fit_says_how_much_history_it_needs():
    with pytest.raises(TooFewCandles) as caught:
        SeasonalNaive.fit(synthetic_candles(200), "1h", 24)
    needed = caught.value.needed
    SeasonalNaive.fit(synthetic_candles(needed), "1h", 24)


def test_fit_says_which_returns_a_thin_market_lacks():
    thin = synthetic_candles(2600).iloc[::3]
    with pytest.raises(TooFewCandles, match="needs 200 known errors of each step, has 0"):
        SeasonalNaive.fit(thin, "1h", 24)
