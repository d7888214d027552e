import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tidecast.errors import TooFewCandles
from tidecast.forecasts import LEVELS
from tidecast.models.shape import MIN_RESIDUALS, NEIGHBOUR_SHARE, empirical_shape

MEDIAN = LEVELS.index(0.5)


def _naive_quantile(values, level):
    """Linear interpolation between order statistics."""
    ordered = sorted(values)
    position = level * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_shape_is_symmetric_and_monotone_after_pooling(horizon, seed, skew):
    random = np.random.default_rng(seed)
    residuals = np.exp(skew * random.standard_normal((MIN_RESIDUALS + 50, horizon))) - 1.0
    shape = empirical_shape(residuals)
    assert shape.shape == (horizon, len(LEVELS))
    assert (np.diff(shape, axis=1) >= 0).all()
    np.testing.assert_array_equal(shape, -shape[:, ::-1])
    assert not shape[:, MEDIAN].any()


def test_shape_equals_a_naive_loop(random):
    horizon = 9
    residuals = random.standard_t(4, (300, horizon)) + 0.2
    residuals[random.random(residuals.shape) < 0.1] = np.nan
    tables = []
    for column in residuals.T:
        known = [value for value in column if not np.isnan(value)]
        raw = [_naive_quantile(known, level) for level in LEVELS]
        tables.append([(a - b) / 2 for a, b in zip(raw, reversed(raw), strict=True)])
    got = empirical_shape(residuals)
    for i in range(horizon):
        reach = (i + 1) // NEIGHBOUR_SHARE
        near = tables[max(0, i - reach) : i + reach + 1]
        np.testing.assert_allclose(got[i], np.mean(near, axis=0), atol=1e-12)


def test_shape_of_normal_residuals_is_normal(random):
    shape = empirical_shape(random.standard_normal((50_000, 1)))[0]
    inner = slice(LEVELS.index(0.05), LEVELS.index(0.95) + 1)
    np.testing.assert_allclose(shape[inner], norm.ppf(LEVELS)[inner], atol=0.03)


def test_shape_does_not_take_over_the_drift_of_its_window(random):
    residuals = random.standard_normal((1000, 2))
    np.testing.assert_allclose(
        empirical_shape(residuals + 0.5), empirical_shape(residuals), atol=1e-12
    )


def test_step_with_too_few_outcomes_has_the_shape_of_the_nearest_with_enough(random):
    residuals = random.standard_normal((MIN_RESIDUALS + 5, 3)) * [1.0, 2.0, 3.0]
    residuals[:10, 0] = np.nan
    np.testing.assert_array_equal(
        empirical_shape(residuals), empirical_shape(residuals[:, [1, 1, 2]])
    )


def test_shape_refuses_steps_that_all_have_too_few_outcomes(random):
    residuals = random.standard_normal((MIN_RESIDUALS + 5, 3))
    residuals[:10] = np.nan
    residuals[:20, 1] = np.nan
    with pytest.raises(TooFewCandles) as caught:
        empirical_shape(residuals)
    assert (caught.value.needed, caught.value.have) == (MIN_RESIDUALS, MIN_RESIDUALS - 5)
