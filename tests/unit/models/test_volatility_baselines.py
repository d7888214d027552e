import warnings

import numpy as np
import pytest
from arch import arch_model
from arch.utility.exceptions import ConvergenceWarning

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.errors import FitFailed, TooFewCandles
from tidecast.features.volatility import VARIANCE_FLOOR
from tidecast.models.volatility_baselines import MEMORY, RISK_METRICS_DISCOUNT, Ewma, Garch

HORIZON = 24
TOP = -1
"""Level at which a band is compared; any with a shape away from zero would do."""
PERCENT = 100.0


def _variances(model, candles):
    """Cumulated variance to each step, read back from the quantiles."""
    top = model.predict(candles).quantiles[0, :, TOP] / model.shape[:, TOP]
    return top**2


def _squared_returns(candles):
    return np.diff(np.log(candles["close"].to_numpy())) ** 2


@pytest.fixture(scope="module")
def garch_candles():
    """Returns drawn from a GARCH(1,1) of its own: omega 0.02, alpha 0.1, beta 0.85, in percent."""
    random = np.random.default_rng(3)
    candles = synthetic_candles(3000)
    variance, returns = 0.4, []
    for shock in random.standard_t(6, len(candles)) / np.sqrt(1.5):
        returns.append(np.sqrt(variance) * shock)
        variance = 0.02 + 0.1 * returns[-1] ** 2 + 0.85 * variance
    close = 40_000 * np.exp(np.cumsum(returns) / PERCENT)
    return candles.assign(**{name: close for name in ("open", "high", "low", "close")})


@pytest.fixture(scope="module")
def garch(garch_candles):
    return Garch.fit(garch_candles, "1h", HORIZON)


def test_ewma_variance_equals_a_naive_loop():
    candles = synthetic_candles(1500)
    model = Ewma.fit(candles, "1h", HORIZON)
    variance = 0.0
    for squared in _squared_returns(candles)[-MEMORY:]:
        variance = RISK_METRICS_DISCOUNT * variance + (1 - RISK_METRICS_DISCOUNT) * squared
    expected = [step * (variance + VARIANCE_FLOOR) for step in range(1, HORIZON + 1)]
    np.testing.assert_allclose(_variances(model, candles), expected, rtol=1e-9)


def test_garch_variance_equals_a_naive_loop(garch, garch_candles):
    omega = garch.floor * (1 - garch.persistence)
    variance = 0.0
    for squared in _squared_returns(garch_candles)[-MEMORY:]:
        variance = omega + garch.reaction * squared + garch.persistence * variance
    # A thousand candles do not hold the constant's own sum to the last digit.
    variance += garch.floor * garch.persistence**MEMORY + VARIANCE_FLOOR
    expected, total = [], 0.0
    for _ in range(HORIZON):
        total += variance
        expected.append(total)
        variance = garch.level + garch.reversion * (variance - garch.level)
    np.testing.assert_allclose(_variances(garch, garch_candles), expected, rtol=1e-9)


def test_garch_variance_equals_the_forecast_of_arch(garch, garch_candles):
    assert garch.reversion < 0.9999
    returns = PERCENT * np.diff(np.log(garch_candles["close"].to_numpy()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = arch_model(returns, mean="Zero", vol="GARCH", dist="t").fit(disp="off")
    theirs = fitted.forecast(horizon=HORIZON).variance.to_numpy()[-1].cumsum() / PERCENT**2
    floor = VARIANCE_FLOOR * (garch.reversion ** np.arange(HORIZON)).cumsum()
    np.testing.assert_allclose(_variances(garch, garch_candles) - floor, theirs, rtol=1e-6)


def test_garch_finds_the_parameters_that_made_the_returns(garch):
    assert garch.reaction == pytest.approx(0.1, abs=0.04)
    assert garch.persistence == pytest.approx(0.85, abs=0.06)
    assert garch.level * PERCENT**2 == pytest.approx(0.4, rel=0.35)


def test_garch_of_small_moves_is_the_same_model_in_another_unit(garch, garch_candles):
    """Five-minute returns are far below one percent, where the optimiser needs another unit."""
    log_close = np.log(garch_candles["close"].to_numpy())
    close = np.exp(log_close[0] + 0.05 * (log_close - log_close[0]))
    calm = garch_candles.assign(**{name: close for name in ("open", "high", "low", "close")})
    model = Garch.fit(calm, "1h", HORIZON)
    assert model.reaction == pytest.approx(garch.reaction, abs=0.01)
    assert model.persistence == pytest.approx(garch.persistence, abs=0.01)
    assert model.level == pytest.approx(garch.level * 0.05**2, rel=0.1)


@pytest.mark.parametrize("model", [Ewma, Garch])
def test_fit_refuses_a_price_that_never_moves(model):
    still = synthetic_candles(2000)
    still[["open", "high", "low", "close"]] = 40_000.0
    with pytest.raises(TooFewCandles) as caught:
        model.fit(still, "1h", HORIZON)
    assert caught.value.have == 1


def test_garch_refuses_a_price_that_always_comes_back():
    still = synthetic_candles(2000)
    still[["open", "close"]] = 40_000.0
    still["high"], still["low"] = 40_100.0, 39_900.0
    with pytest.raises(FitFailed, match="never moves"):
        Garch.fit(still, "1h", HORIZON)


@pytest.mark.parametrize("model", [Ewma, Garch])
@pytest.mark.parametrize("count", [1, 2, 50, MEMORY + HORIZON + 199])
def test_fit_says_how_much_history_it_needs(model, count):
    with pytest.raises(TooFewCandles) as caught:
        model.fit(synthetic_candles(count), "1h", HORIZON)
    assert (caught.value.needed, caught.value.have) == (MEMORY + HORIZON + 200, count)


def test_bands_are_wider_after_a_storm():
    candles = synthetic_candles(1500)
    stormy = candles.copy()
    stormy.loc[stormy.index[-12:], "close"] *= np.exp(0.05 * (-1.0) ** np.arange(12))
    for model in (Ewma.fit(candles, "1h", HORIZON), Garch.fit(candles, "1h", HORIZON)):
        calm, wild = (_variances(model, frame) for frame in (candles, stormy))
        assert (wild > 2 * calm).all()
