import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tidecast.errors import InvalidParameter
from tidecast.evaluation import metrics
from tidecast.forecasts import LEVELS, PERCENTILES, Floats

finite = st.floats(-10, 10, allow_nan=False)
ordered = st.lists(finite, min_size=len(LEVELS), max_size=len(LEVELS)).map(sorted).map(np.array)


def naive_pinball(quantile: float, level: float, actual: float) -> float:
    if actual >= quantile:
        return level * (actual - quantile)
    return (1 - level) * (quantile - actual)


def naive_crps(quantiles: Floats, actual: float) -> float:
    total = 0.0
    for level, quantile in zip(LEVELS, quantiles, strict=True):
        if level in PERCENTILES:
            total += naive_pinball(quantile, level, actual)
    return 2 * total / 99


@pytest.mark.parametrize(
    ("quantile", "level", "actual", "loss"),
    [(1.0, 0.9, 3.0, 1.8), (3.0, 0.9, 1.0, 0.2), (2.0, 0.5, 2.0, 0.0), (0.0, 0.1, -1.0, 0.9)],
)
def test_pinball_has_known_values(
    quantile: float, level: float, actual: float, loss: float
) -> None:
    assert metrics.pinball(np.array(quantile), level, np.array(actual)) == pytest.approx(loss)


@given(ordered, finite)
def test_crps_equals_the_naive_loop(quantiles: Floats, actual: float) -> None:
    assert metrics.crps(quantiles, LEVELS, np.array(actual)) == pytest.approx(
        naive_crps(quantiles, actual), abs=1e-12
    )


def test_crps_equals_the_naive_loop_over_many_chunks(random: np.random.Generator) -> None:
    shape = (metrics.CHUNK_ROWS, 2)
    quantiles = np.sort(random.normal(size=(*shape, len(LEVELS))), axis=-1)
    actual = random.normal(size=shape)
    scores = metrics.crps(quantiles, LEVELS, actual)
    for row, step in [(0, 0), (5, 1), (metrics.CHUNK_ROWS // 2, 0), (metrics.CHUNK_ROWS - 1, 1)]:
        expected = naive_crps(quantiles[row, step], actual[row, step])
        assert scores[row, step] == pytest.approx(expected, rel=1e-12)


def test_crps_of_a_point_is_its_absolute_error() -> None:
    assert metrics.crps(np.full(len(LEVELS), 2.0), LEVELS, np.array(5.0)) == pytest.approx(3.0)


def test_crps_of_a_normal_is_near_its_closed_form() -> None:
    actual = np.array([-1.0, 0.0, 0.7])
    exact = actual * (2 * norm.cdf(actual) - 1) + 2 * norm.pdf(actual) - 1 / np.sqrt(np.pi)
    scores = metrics.crps(np.tile(norm.ppf(LEVELS), (3, 1)), LEVELS, actual)
    assert scores == pytest.approx(exact, rel=0.015)


def test_crps_is_smallest_for_the_true_deviation(random: np.random.Generator) -> None:
    actual = random.normal(size=4000)
    means = [
        metrics.crps(np.tile(scale * norm.ppf(LEVELS), (4000, 1)), LEVELS, actual).mean()
        for scale in (0.7, 1.0, 1.4)
    ]
    assert min(means) == means[1]


def test_crps_is_nan_where_the_actual_is_unknown() -> None:
    scores = metrics.crps(np.tile(norm.ppf(LEVELS), (2, 1)), LEVELS, np.array([0.0, np.nan]))
    assert np.isnan(scores).tolist() == [False, True]


def test_crps_refuses_quantiles_without_the_percentiles() -> None:
    with pytest.raises(InvalidParameter, match="lack the levels"):
        metrics.crps(np.array([1.0, 2.0]), (0.1, 0.9), np.array(1.0))


def test_crps_does_not_change_its_input(random: np.random.Generator) -> None:
    quantiles = np.sort(random.normal(size=(4, len(LEVELS))), axis=-1)
    before = quantiles.copy()
    metrics.crps(quantiles, LEVELS, np.zeros(4))
    assert (quantiles == before).all()


@pytest.mark.parametrize("percent", [50, 80, 90, 95])
def test_band_holds_its_share_of_a_calibrated_normal(
    percent: int, random: np.random.Generator
) -> None:
    actual = random.normal(size=20_000)
    low, high = metrics.band(np.tile(norm.ppf(LEVELS), (20_000, 1)), LEVELS, percent)
    assert metrics.coverage(low, high, actual) == pytest.approx(percent / 100, abs=0.01)
    assert high[0] == pytest.approx(norm.ppf(0.5 + percent / 200))


def test_coverage_counts_edges_and_leaves_unknown_actuals_out() -> None:
    actual = np.array([0.0, 1.0, 2.0, 2.1, np.nan])
    assert metrics.coverage(np.zeros(5), np.full(5, 2.0), actual) == pytest.approx(3 / 4)


def test_coverage_is_nan_when_nothing_is_known() -> None:
    assert np.isnan(metrics.coverage(np.zeros(2), np.ones(2), np.full(2, np.nan)))


@pytest.mark.parametrize(
    ("actual", "expected"), [(1.5, 2.0), (0.5, 2.0 + 20 * 0.5), (3.25, 2.0 + 20 * 0.25)]
)
def test_winkler_adds_the_penalty_outside_the_band(actual: float, expected: float) -> None:
    score = metrics.winkler(np.array(1.0), np.array(3.0), np.array(actual), 90)
    assert score == pytest.approx(expected)


@given(ordered, finite)
def test_winkler_is_the_pinball_of_both_edges(quantiles: Floats, actual: float) -> None:
    low, high = metrics.band(quantiles, LEVELS, 90)
    both = naive_pinball(float(low), 0.05, actual) + naive_pinball(float(high), 0.95, actual)
    assert metrics.winkler(low, high, np.array(actual), 90) == pytest.approx(both * 20, abs=1e-9)


def naive_pit(quantiles: Floats, actual: float) -> float:
    equal = [level for level, q in zip(LEVELS, quantiles, strict=True) if q == actual]
    if equal:
        return (equal[0] + equal[-1]) / 2
    if actual < quantiles[0]:
        return LEVELS[0] / 2
    if actual > quantiles[-1]:
        return (1 + LEVELS[-1]) / 2
    right = next(i for i, q in enumerate(quantiles) if q > actual)
    share = float((actual - quantiles[right - 1]) / (quantiles[right] - quantiles[right - 1]))
    return LEVELS[right - 1] + share * (LEVELS[right] - LEVELS[right - 1])


@given(ordered, finite)
def test_pit_equals_the_naive_search(quantiles: Floats, actual: float) -> None:
    level = metrics.pit(quantiles, LEVELS, np.array(actual))
    assert level == pytest.approx(naive_pit(quantiles, actual), abs=1e-9)


@pytest.mark.parametrize("index", [0, 1, 51, 102])
def test_pit_of_a_quantile_is_its_level(index: int, normal_quantiles: Floats) -> None:
    level = metrics.pit(normal_quantiles, LEVELS, np.array(normal_quantiles[index]))
    assert level == pytest.approx(LEVELS[index])


def test_pit_is_the_middle_level_of_tied_quantiles() -> None:
    tied = np.zeros(len(LEVELS))
    assert metrics.pit(tied, LEVELS, np.array(0.0)) == pytest.approx(0.5)


def test_pit_is_uniform_when_calibrated(random: np.random.Generator) -> None:
    actual = random.normal(size=10_000)
    levels = metrics.pit(np.tile(norm.ppf(LEVELS), (10_000, 1)), LEVELS, actual)
    counts, _ = np.histogram(levels, 10, (0, 1))
    assert np.abs(counts - 1000).max() < 4 * 30


def test_pit_is_nan_where_the_actual_is_unknown(normal_quantiles: Floats) -> None:
    assert np.isnan(metrics.pit(normal_quantiles, LEVELS, np.array(np.nan)))


def test_mase_divides_by_the_baseline_on_the_same_points() -> None:
    error, baseline = np.array([1.0, 2.0, np.nan, 9.0]), np.array([2.0, 2.0, 100.0, np.nan])
    assert metrics.mase(error, baseline) == pytest.approx(3.0 / 4.0)


def test_mase_is_nan_when_the_baseline_makes_no_error() -> None:
    assert np.isnan(metrics.mase(np.ones(3), np.zeros(3)))


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [
        (0.5, 100, 0.4038315, 0.5961685),
        (0.0, 10, 0.0, 0.2775328),
        (1.0, 10, 0.7224672, 1.0),
    ],
)
def test_wilson_has_the_textbook_values(share: float, n: int, low: float, high: float) -> None:
    assert metrics.wilson(share, n) == pytest.approx((low, high), abs=1e-6)


def test_wilson_says_nothing_without_trials() -> None:
    assert metrics.wilson(float("nan"), 0) == (0.0, 1.0)


def test_directional_accuracy_leaves_ties_out() -> None:
    center = np.array([1.0, -1.0, 1.0, 0.0, 1.0, 1.0])
    actual = np.array([2.0, -3.0, -1.0, 1.0, 0.0, np.nan])
    result = metrics.directional_accuracy(center, actual)
    assert result.share == pytest.approx(2 / 3)
    assert result.n == 3


def test_directional_accuracy_of_a_random_walk_counts_nothing() -> None:
    result = metrics.directional_accuracy(np.zeros(5), np.ones(5))
    assert (result.n, result.low, result.high) == (0, 0.0, 1.0)
    assert np.isnan(result.share)


def test_directional_accuracy_interval_widens_with_overlap() -> None:
    center, actual = np.ones(2400), np.resize([1.0, -1.0], 2400)
    step_1 = metrics.directional_accuracy(center, actual)
    step_24 = metrics.directional_accuracy(center, actual, overlap=24)
    assert (step_24.low, step_24.high) == metrics.wilson(0.5, 100)
    assert step_1.high - step_1.low < (step_24.high - step_24.low) / 4
