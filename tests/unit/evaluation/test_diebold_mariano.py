import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import stats
from statsmodels.regression.linear_model import OLS

from tidecast.evaluation.metrics import diebold_mariano, newey_west_lag, newey_west_variance
from tidecast.forecasts import Floats


def naive_long_run_variance(values: Floats, lag: int) -> float:
    n, mean = len(values), sum(values) / len(values)
    total = 0.0
    for k in range(-lag, lag + 1):
        weight = 1 - abs(k) / (lag + 1)
        for i in range(n):
            if 0 <= i + k < n:
                total += weight * (values[i] - mean) * (values[i + k] - mean)
    return total / n


@pytest.mark.parametrize(
    ("n", "horizon", "lag"), [(100, 1, 4), (8760, 1, 10), (8760, 6, 10), (336, 24, 46)]
)
def test_newey_west_lag_covers_overlap_and_clustering(n: int, horizon: int, lag: int) -> None:
    assert newey_west_lag(n, horizon) == lag


@pytest.mark.parametrize("lag", [0, 1, 7])
def test_newey_west_equals_the_naive_double_loop(lag: int, random: np.random.Generator) -> None:
    values = random.normal(size=60).cumsum()
    assert newey_west_variance(values - values.mean(), 60, lag) == pytest.approx(
        naive_long_run_variance(values, lag)
    )


def test_diebold_mariano_equals_a_hac_regression_on_a_constant(
    random: np.random.Generator,
) -> None:
    a, b = random.exponential(1.1, 500), random.exponential(1.0, 500)
    horizon = 24
    hac = OLS(a - b, np.ones(500)).fit(
        cov_type="HAC", cov_kwds={"maxlags": newey_west_lag(500, horizon), "use_correction": False}
    )
    shrink = math.sqrt((501 - 2 * horizon + horizon * (horizon - 1) / 500) / 500)
    result = diebold_mariano(a, b, horizon)
    assert result.t == pytest.approx(hac.tvalues[0] * shrink)
    assert result.mean_difference == pytest.approx((a - b).mean())
    assert result.p == pytest.approx(2 * stats.t.sf(abs(result.t), 499))


def test_diebold_mariano_t_is_positive_when_a_loses_more(random: np.random.Generator) -> None:
    loss = random.exponential(size=400)
    worse = diebold_mariano(loss + random.normal(0.1, 0.1, 400), loss, 1)
    better = diebold_mariano(loss, loss + random.normal(0.1, 0.1, 400), 1)
    assert worse.t > 10
    assert better.t < -10


def test_diebold_mariano_is_antisymmetric(random: np.random.Generator) -> None:
    a, b = random.exponential(size=(2, 200))
    assert diebold_mariano(a, b, 6).t == pytest.approx(-diebold_mariano(b, a, 6).t)


def test_diebold_mariano_of_equal_losses_is_zero(random: np.random.Generator) -> None:
    loss = random.exponential(size=100)
    assert diebold_mariano(loss, loss, 24) == (0.0, 0.0, 1.0)


def test_diebold_mariano_takes_rounding_for_equal(random: np.random.Generator) -> None:
    loss = random.exponential(size=100)
    assert diebold_mariano(loss, loss * (1 + 1e-15), 1).t == 0.0


def test_diebold_mariano_is_infinite_when_the_difference_never_changes() -> None:
    assert diebold_mariano(np.full(50, 2.0), np.full(50, 1.0), 1) == (1.0, math.inf, 0.0)


@pytest.mark.parametrize("count", [0, 1, 24])
def test_diebold_mariano_knows_nothing_from_too_few_points(count: int) -> None:
    result = diebold_mariano(np.linspace(0, 1, count), np.zeros(count), 24)
    assert math.isnan(result.t)
    assert math.isnan(result.p)


def test_diebold_mariano_leaves_unknown_losses_out(random: np.random.Generator) -> None:
    a, b = random.exponential(size=(2, 300))
    padded = [np.concatenate([loss, np.full(50, np.nan)]) for loss in (a, b)]
    assert diebold_mariano(padded[0], padded[1], 6) == pytest.approx(diebold_mariano(a, b, 6))


def test_diebold_mariano_rejects_at_its_size_when_windows_overlap(
    random: np.random.Generator,
) -> None:
    horizon, rejected = 6, 0
    for _ in range(300):
        windows = sliding_window_view(random.normal(size=605), horizon)
        moving_sum = np.asarray(windows.sum(axis=1), np.float64)
        rejected += diebold_mariano(moving_sum, np.zeros(600), horizon).p < 0.05
    assert rejected / 300 < 0.11
