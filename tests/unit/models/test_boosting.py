import numpy as np
import pytest

from tidecast.features.matrix import Matrix
from tidecast.models.boosting import Boosting, sample_steps

HORIZON = 5
ROWS = 800


@pytest.fixture(scope="module")
def matrix():
    random = np.random.default_rng(1)
    hours = np.arange(ROWS) % 24
    values = random.standard_normal((ROWS, 2))
    return Matrix(("a", "b"), values, hours, hours % 7, step_hours=1.0)


@pytest.fixture(scope="module")
def boosting(matrix):
    """Learns that the target is the first feature times the step."""
    targets = matrix.values[:, :1] * np.arange(1, HORIZON + 1)
    inputs, drawn = sample_steps(matrix, targets, 8, np.random.default_rng(2))
    return Boosting.fit(inputs, drawn, 7, trees=20)


def test_sample_steps_draws_each_row_and_leaves_the_unknown_out(matrix):
    targets = np.tile(np.arange(1.0, HORIZON + 1), (ROWS, 1))
    targets[:, 3] = np.nan
    inputs, drawn = sample_steps(matrix, targets, 3, np.random.default_rng(2))
    steps = inputs[:, -2]
    assert set(drawn) == {1.0, 2.0, 3.0, 5.0}
    np.testing.assert_array_equal(steps, drawn)
    assert 0.7 * 3 * ROWS < len(drawn) < 0.95 * 3 * ROWS
    np.testing.assert_array_equal(inputs[:, -1], (inputs[:, 2] + steps) % 24)


def test_sample_steps_draws_every_step(matrix):
    targets = np.tile(np.arange(1.0, 25), (ROWS, 1))
    _, drawn = sample_steps(matrix, targets, 3, np.random.default_rng(2))
    assert set(drawn) == set(range(1, 25))


def test_sample_steps_repeats_with_its_seed(matrix):
    targets = np.tile(np.arange(1.0, 25), (ROWS, 1))
    first, second = (sample_steps(matrix, targets, 2, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_predict_steps_tells_the_steps_apart(boosting, matrix):
    predicted = boosting.predict_steps(matrix, HORIZON)
    assert predicted.shape == (ROWS, HORIZON)
    slopes = (predicted * matrix.values[:, :1]).mean(axis=0)
    assert slopes[-1] > 2 * slopes[0] > 0


def test_predict_steps_of_one_row_has_the_bits_of_the_batch(boosting, matrix):
    together = boosting.predict_steps(matrix, HORIZON)
    for row in (0, 17, ROWS - 1):
        alone = boosting.predict_steps(matrix.take(np.arange(ROWS) == row), HORIZON)
        assert alone.tobytes() == together[row].tobytes()


def test_predict_steps_of_no_rows_is_empty(boosting, matrix):
    nothing = matrix.take(np.zeros(ROWS, dtype=bool))
    assert boosting.predict_steps(nothing, HORIZON).shape == (0, HORIZON)


def test_state_gives_the_same_boosting_back(boosting, matrix):
    again = Boosting.from_state("scale", boosting.state("scale"))
    expected = boosting.predict_steps(matrix, HORIZON)
    assert again.predict_steps(matrix, HORIZON).tobytes() == expected.tobytes()


def test_from_state_misses_an_array(boosting):
    arrays = boosting.state("scale")
    for name in arrays:
        with pytest.raises(KeyError):
            Boosting.from_state("scale", {key: arrays[key] for key in arrays if key != name})
