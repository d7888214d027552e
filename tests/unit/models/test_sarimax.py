import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from statsmodels.tsa.statespace.sarimax import SARIMAX

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.features.grid import Grid
from tidecast.features.seasons import TERMS, fourier_terms
from tidecast.features.volatility import log_returns
from tidecast.models.sarimax import FIT_CANDLES, ORDER, PERCENT, SarimaxCenter

HORIZON = 24
SEASONAL = np.array([0.02, -0.01, 0.03, 0.0, 0.05, -0.04, 0.01, 0.02])
AUTOREGRESSION = np.array([0.3, -0.2])


@pytest.fixture(scope="module")
def grid():
    return Grid.of(synthetic_candles(900), "1h")


@pytest.fixture(scope="module")
def patterned():
    """A grid whose returns, in percent, are seasonal plus autoregressive as the constants say."""
    candles = synthetic_candles(6000)
    noise = np.random.default_rng(5).standard_normal(len(candles))
    moving = lfilter([1.0], [1.0, *(-AUTOREGRESSION)], noise)
    returns = 0.3 * moving + fourier_terms(Grid.of(candles, "1h").ends) @ SEASONAL
    close = 40_000 * np.exp(np.cumsum(returns / PERCENT))
    flat = {name: close for name in ("open", "high", "low", "close")}
    return Grid.of(candles.assign(**flat), "1h")


def _by_statsmodels(center, grid, row):
    """Cumulated forecast of statsmodels' own filter with the same coefficients."""
    future = pd.DatetimeIndex([grid.ends[row] + step * grid.length for step in range(1, 25)])
    model = SARIMAX(
        PERCENT * log_returns(grid.active)[1 : row + 1],
        exog=fourier_terms(grid.ends[1 : row + 1]),
        order=(ORDER, 0, 0),
    )
    params = np.concatenate([center.seasonal, center.autoregression, [0.5]])
    forecast = model.filter(params).forecast(HORIZON, exog=fourier_terms(future))
    return np.cumsum(forecast) / PERCENT


@pytest.mark.parametrize("autoregression", [(0.3, -0.2), (-0.6, 0.3), (0.0, 0.0), (1.2, -0.5)])
def test_recursion_equals_the_forecast_of_statsmodels(autoregression, grid):
    center = SarimaxCenter(SEASONAL, np.array(autoregression))
    rows = np.array([300, 611, 899])
    got = center.predict(grid, rows, HORIZON)
    for forecast, row in zip(got, rows, strict=True):
        np.testing.assert_allclose(forecast, _by_statsmodels(center, grid, row), atol=1e-9, rtol=0)


def test_recursion_of_fitted_coefficients_equals_statsmodels(grid):
    center = SarimaxCenter.fit(grid, len(grid))
    got = center.predict(grid, np.array([899]), HORIZON)[0]
    np.testing.assert_allclose(got, _by_statsmodels(center, grid, 899), atol=1e-9, rtol=0)


def test_fit_finds_the_coefficients_that_made_the_returns(patterned):
    center = SarimaxCenter.fit(patterned, len(patterned))
    standard_error = 1 / np.sqrt(FIT_CANDLES)
    np.testing.assert_allclose(center.autoregression, AUTOREGRESSION, atol=4 * standard_error)
    np.testing.assert_allclose(center.seasonal, SEASONAL, atol=4 * 0.5 * standard_error)


def test_fit_sees_nothing_from_its_last_position_on(patterned):
    last = 1500
    later = patterned.close.copy()
    later[last:] *= np.linspace(1, 5, len(later) - last)
    other = Grid(
        **{
            name: getattr(patterned, name)
            for name in ("interval", "ends", "open", "high", "low", "volume", "present")
        },
        close=later,
    )
    expected, got = (SarimaxCenter.fit(grid, last) for grid in (patterned, other))
    np.testing.assert_array_equal(got.seasonal, expected.seasonal)
    np.testing.assert_array_equal(got.autoregression, expected.autoregression)


def test_fit_is_stationary(grid):
    first, second = SarimaxCenter.fit(grid, len(grid)).autoregression
    assert (np.abs(np.roots([1.0, -first, -second])) < 1).all()


def test_state_holds_coefficients_and_nothing_else(grid):
    state = SarimaxCenter.fit(grid, len(grid)).state()
    assert {name: array.shape for name, array in state.items()} == {
        "sarimax_seasonal": (TERMS,),
        "sarimax_autoregression": (ORDER,),
    }
    assert all(array.dtype == np.float64 for array in state.values())


def test_state_gives_the_same_forecast_back(grid):
    center = SarimaxCenter.fit(grid, len(grid))
    rows = np.arange(200, 300)
    again = SarimaxCenter.from_state(center.state()).predict(grid, rows, HORIZON)
    assert again.tobytes() == center.predict(grid, rows, HORIZON).tobytes()
