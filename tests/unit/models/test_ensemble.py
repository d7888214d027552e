import numpy as np
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.errors import TooFewCandles
from tidecast.features.grid import Grid, step_returns
from tidecast.features.matrix import build_matrix, needed_candles
from tidecast.forecasts import LEVELS
from tidecast.models.combination import center_weights
from tidecast.models.ensemble import MIN_ROWS, Ensemble, Parts
from tidecast.models.shape import empirical_shape

HORIZON = 8
MEDIAN = LEVELS.index(0.5)
COUNT = needed_candles("1h") + MIN_ROWS + 200


@pytest.fixture(scope="module")
def candles():
    return synthetic_candles(COUNT, seed=5)


@pytest.fixture(scope="module")
def ensemble(candles):
    return Ensemble.fit(candles, "1h", HORIZON, seed=7)


@pytest.fixture(scope="module")
def members(ensemble, candles):
    return ensemble.predict_members(candles, Grid.of(candles, "1h").ends[-50:])


def test_members_are_the_ensemble_and_each_of_its_parts(members):
    assert set(members) == {"ensemble", "sarimax", "boosting", "har"}
    for forecasts in members.values():
        assert forecasts.center.shape == (50, HORIZON)
        assert (np.diff(forecasts.quantiles, axis=-1) >= 0).all()


def test_centre_is_the_weighted_sum_of_its_members(ensemble, members):
    expected = sum(
        weight * members[name].center
        for weight, name in zip(ensemble.weights, ("sarimax", "boosting"), strict=True)
    )
    np.testing.assert_allclose(members["ensemble"].center, expected, atol=1e-15)
    assert (ensemble.weights >= 0).all()
    assert ensemble.weights.sum() <= 1


def test_median_is_the_centre(members):
    for forecasts in members.values():
        np.testing.assert_allclose(
            forecasts.quantiles[..., MEDIAN], forecasts.center, rtol=0, atol=1e-15
        )


def test_har_alone_stands_around_the_price_of_today(members):
    assert not members["har"].center.any()


def test_prediction_is_the_ensemble_among_its_members(ensemble, candles, members):
    forecasts = ensemble.predict(candles, members["ensemble"].cutoffs)
    assert forecasts.quantiles.tobytes() == members["ensemble"].quantiles.tobytes()


def test_parts_fitted_before_a_split_do_not_see_what_comes_after(candles):
    last = COUNT - 250
    later = candles.copy()
    later.iloc[last:, :4] *= np.linspace(1.0, 2.0, COUNT - last)[:, None]
    rows = np.arange(needed_candles("1h") - 1, last - HORIZON)
    probe = rows[-20:]
    answers = []
    for frame in (candles, later):
        grid = Grid.of(frame, "1h")
        parts = Parts.fit(grid, build_matrix(grid, rows), rows, last, HORIZON, seed=7)
        matrix = build_matrix(grid, probe)
        answers.append(
            (parts.centers(grid, matrix, probe, HORIZON), *parts.scale.log_variance(matrix))
        )
    for expected, got in zip(*answers, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_weights_and_shape_are_learnt_by_parts_that_saw_a_cut_off_frame(ensemble, candles):
    """Written again from the outside: the first fit gets a frame that really ends at the split."""
    grid = Grid.of(candles, "1h")
    rows = np.arange(needed_candles("1h") - 1, COUNT - HORIZON)
    split = int(rows[int(0.75 * len(rows))])
    past = Grid.of(candles.iloc[:split], "1h")
    early, late = rows[rows < split - HORIZON], rows[rows >= split]
    parts = Parts.fit(past, build_matrix(past, early), early, split, HORIZON, seed=7)
    matrix, returns = build_matrix(grid, late), step_returns(grid, HORIZON)[late]
    centers = parts.centers(grid, matrix, late, HORIZON)
    har, both = parts.deviations(grid, matrix, late)
    weights = center_weights(centers, returns, both)
    blended = weights[0] * centers[0] + weights[1] * centers[1]
    np.testing.assert_array_equal(ensemble.weights, weights)
    np.testing.assert_array_equal(ensemble.shape, empirical_shape((returns - blended) / both))
    np.testing.assert_array_equal(ensemble.har_shape, empirical_shape(returns / har))


def test_boosted_centre_is_in_units_of_the_recent_deviation(ensemble, candles):
    """Fitted on standardised returns, so a market twice as wild moves its centre twice as far."""
    grid, rows = Grid.of(candles, "1h"), np.arange(COUNT - 40, COUNT)
    matrix = build_matrix(grid, rows)
    boosted = ensemble.parts.centers(grid, matrix, rows, HORIZON)[1]
    standardised = ensemble.parts.boosting.predict_steps(matrix, HORIZON)
    recent = np.exp(0.5 * matrix.column("log_variance_24"))[:, None]
    expected = standardised * recent * np.sqrt(np.arange(1, HORIZON + 1))
    np.testing.assert_allclose(boosted, expected, rtol=1e-12)


def test_another_seed_gives_another_fit_of_the_same_quality(ensemble, candles):
    other = Ensemble.fit(candles, "1h", HORIZON, seed=8)
    one, two = (model.predict(candles).quantiles for model in (ensemble, other))
    assert not np.array_equal(one, two)
    widths = [q[..., LEVELS.index(0.95)] - q[..., LEVELS.index(0.05)] for q in (one, two)]
    np.testing.assert_allclose(widths[0], widths[1], rtol=0.2)


def test_fit_says_how_much_history_it_needs():
    with pytest.raises(TooFewCandles) as caught:
        Ensemble.fit(synthetic_candles(1500), "1h", HORIZON, seed=7)
    expected = needed_candles("1h") - 1 + MIN_ROWS + HORIZON
    assert (caught.value.needed, caught.value.have) == (expected, 1500)
