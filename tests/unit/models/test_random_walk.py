import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.errors import TooFewCandles
from tidecast.forecasts import LEVELS
from tidecast.models.baselines import RandomWalk, simulation_candles

HORIZON = 4


def _widths(candles, horizon=24, interval="1h"):
    table = RandomWalk.fit(candles, interval, horizon).table
    return table[:, LEVELS.index(0.95)] - table[:, LEVELS.index(0.05)]


def _naive_table(candles, horizon, length, steps=None):
    closes = {
        time: row.close for time, row in zip(candles.index, candles.itertuples(), strict=True)
    }
    table = []
    for step in steps or range(1, horizon + 1):
        ordered = sorted(
            math.log(closes[time + step * length] / close)
            for time, close in closes.items()
            if time + step * length in closes
        )
        positions = [level * (len(ordered) - 1) for level in LEVELS]
        table.append(
            [
                ordered[int(p)]
                + (p - int(p)) * (ordered[min(int(p) + 1, len(ordered) - 1)] - ordered[int(p)])
                for p in positions
            ]
        )
    return table


@pytest.mark.parametrize("gaps", [[], [(50, 1), (120, 30)]], ids=["whole", "with gaps"])
def test_table_holds_the_quantiles_of_past_returns(gaps):
    candles = with_gaps(synthetic_candles(400), gaps)
    table = RandomWalk.fit(candles, "1h", HORIZON).table
    expected = _naive_table(candles, HORIZON, pd.Timedelta(hours=1))
    np.testing.assert_allclose(table, expected, atol=1e-12)


def test_table_looks_back_a_year(year):
    newest = simulation_candles("1h") + HORIZON
    assert len(year) > newest
    wild = year.copy()
    wild.iloc[: len(year) - newest] *= np.linspace(1, 9, len(year) - newest)[:, None]
    expected, got = (RandomWalk.fit(candles, "1h", HORIZON).table for candles in (year, wild))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("interval", "count"), [("5m", 8760), ("1h", 8760), ("1d", 365)])
def test_simulation_candles_are_a_year_and_not_too_many(interval, count):
    assert simulation_candles(interval) == count


def test_fit_refuses_a_hundred_candles_and_no_more():
    with pytest.raises(TooFewCandles) as caught:
        RandomWalk.fit(synthetic_candles(100), "1h", HORIZON)
    assert (caught.value.needed, caught.value.have) == (101, 100)


def test_forecast_is_the_table_around_every_close():
    candles = synthetic_candles(300)
    model = RandomWalk.fit(candles, "1h", HORIZON)
    cutoffs = pd.DatetimeIndex(candles.index[[5, 200]] + pd.Timedelta(hours=1))
    forecasts = model.predict(candles, cutoffs)
    assert (forecasts.cutoffs == cutoffs).all()
    np.testing.assert_array_equal(forecasts.close, candles["close"].iloc[[5, 200]])
    np.testing.assert_array_equal(forecasts.quantiles, np.stack([model.table] * 2))
    assert not forecasts.center.any()


@pytest.mark.parametrize("every", [2, 3, 5, 24, 48])
def test_bands_of_a_market_of_every_nth_hour_grow_with_the_step(every):
    candles = synthetic_candles(120 * every, seed=3).iloc[::every]
    widths = _widths(candles)
    assert (np.diff(widths) > 0).all()


def test_bands_of_a_market_of_every_third_hour_are_those_of_the_whole_market():
    whole = synthetic_candles(2600)
    np.testing.assert_allclose(_widths(whole.iloc[::3]), _widths(whole), rtol=0.15)


def test_steps_without_returns_lie_between_those_around_them():
    whole = synthetic_candles(2600)
    widths = _widths(whole.iloc[::3])
    known = _naive_table(whole.iloc[::3], 6, pd.Timedelta(hours=1), steps=(3, 6))
    third, sixth = (row[LEVELS.index(0.95)] - row[LEVELS.index(0.05)] for row in known)
    np.testing.assert_allclose(widths[[2, 5]], [third, sixth])
    share = (np.sqrt([4, 5]) - np.sqrt(3)) / (np.sqrt(6) - np.sqrt(3))
    np.testing.assert_allclose(widths[3:5], third + share * (sixth - third))
    np.testing.assert_allclose(widths[:2], third * np.sqrt([1 / 3, 2 / 3]))


def test_long_steps_of_a_short_history_grow_with_the_root_of_time():
    """144 hours cover nine hours fifteen times."""
    widths = _widths(synthetic_candles(144))
    np.testing.assert_allclose(widths[9:], widths[8] * np.sqrt(np.arange(10, 25) / 9))


@given(
    seed=st.integers(0, 1000),
    count=st.integers(101, 300),
    share=st.floats(0.02, 1.0),
    horizon=st.sampled_from([1, 4, 24, 48]),
)
@settings(max_examples=60)
def test_any_pattern_of_missing_candles_gives_a_forecast(seed, count, share, horizon):
    random = np.random.default_rng(seed)
    positions = np.cumsum(random.geometric(share, count))
    candles = synthetic_candles(int(positions[-1]) + 1, seed=seed % 3).iloc[positions]
    quantiles = RandomWalk.fit(candles, "1h", horizon).predict(candles).quantiles[0]
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles[:, -1] > quantiles[:, 0]).all()
