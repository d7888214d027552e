import numpy as np
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.features.grid import Grid
from tidecast.features.matrix import build_matrix, needed_candles
from tidecast.features.volatility import forward_log_variance
from tidecast.models.scale import Scale, deviations

HORIZON = 4
COUNT = needed_candles("1h") + 700


@pytest.fixture(scope="module")
def grid():
    return Grid.of(synthetic_candles(COUNT), "1h")


@pytest.fixture(scope="module")
def rows():
    return np.arange(needed_candles("1h") - 1, COUNT - HORIZON)


@pytest.fixture(scope="module")
def matrix(grid, rows):
    return build_matrix(grid, rows)


@pytest.fixture(scope="module")
def scale(grid, matrix, rows):
    return Scale.fit(grid, matrix, rows, HORIZON, seed=7)


def test_deviations_grow_with_the_root_of_the_step():
    got = deviations(np.full((2, 9), np.log(0.01**2)))
    np.testing.assert_allclose(got, np.tile(0.01 * np.sqrt(np.arange(1, 10)), (2, 1)))


def test_har_explains_the_variance_to_come(scale, grid, matrix, rows):
    target = forward_log_variance(grid, HORIZON)[rows]
    har, both = scale.log_variance(matrix)
    assert har.shape == both.shape == target.shape
    spread = ((target - target.mean(axis=0)) ** 2).mean(axis=0)
    assert (((target - har) ** 2).mean(axis=0) < 0.8 * spread).all()
    assert (((target - both) ** 2).mean(axis=0) < ((target - har) ** 2).mean(axis=0)).all()


def test_scale_is_nearly_unbiased_on_its_own_rows(scale, grid, matrix, rows):
    target = forward_log_variance(grid, HORIZON)[rows]
    _, both = scale.log_variance(matrix)
    np.testing.assert_allclose((target - both).mean(axis=0), 0.0, atol=0.05)


def test_scale_of_one_row_has_the_bits_of_the_batch(scale, matrix):
    together = scale.log_variance(matrix)
    for row in (0, 333, len(matrix) - 1):
        alone = scale.log_variance(matrix.take(np.arange(len(matrix)) == row))
        for part, whole in zip(alone, together, strict=True):
            assert part[0].tobytes() == whole[row].tobytes()


def test_scale_does_not_see_candles_after_its_last_target(scale, grid, rows):
    early = rows[:500]
    last = int(early[-1]) + HORIZON + 1
    later = synthetic_candles(COUNT)
    later.iloc[last:, :4] *= 3.0
    fits = [
        Scale.fit(one, build_matrix(one, early), early, HORIZON, seed=7)
        for one in (grid, Grid.of(later, "1h"))
    ]
    np.testing.assert_array_equal(fits[0].har, fits[1].har)
    probe = build_matrix(grid, early[-5:])
    np.testing.assert_array_equal(fits[0].log_variance(probe)[1], fits[1].log_variance(probe)[1])


def test_state_gives_the_same_scale_back(scale, matrix):
    again = Scale.from_state(scale.state())
    for part, whole in zip(again.log_variance(matrix), scale.log_variance(matrix), strict=True):
        assert part.tobytes() == whole.tobytes()
