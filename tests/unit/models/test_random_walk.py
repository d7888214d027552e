import math

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.errors import TooFewCandles
from tidecast.forecasts import LEVELS
from tidecast.models.baselines import RandomWalk, simulation_candles

HORIZON = 4


def _naive_table(candles, horizon, length):
    closes = {
        time: row.close for time, row in zip(candles.index, candles.itertuples(), strict=True)
    }
    table = []
    for step in range(1, horizon + 1):
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
    assert (caught.value.needed, caught.value.have) == (100 + HORIZON, 100)


def test_forecast_is_the_table_around_every_close():
    candles = synthetic_candles(300)
    model = RandomWalk.fit(candles, "1h", HORIZON)
    cutoffs = pd.DatetimeIndex(candles.index[[5, 200]] + pd.Timedelta(hours=1))
    forecasts = model.predict(candles, cutoffs)
    assert (forecasts.cutoffs == cutoffs).all()
    np.testing.assert_array_equal(forecasts.close, candles["close"].iloc[[5, 200]])
    np.testing.assert_array_equal(forecasts.quantiles, np.stack([model.table] * 2))
    assert not forecasts.center.any()
