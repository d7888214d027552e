import functools
import io
import os
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_info, threadpool_limits

from tidecast.errors import ArtefactInvalid
from tidecast.features.matrix import Matrix
from tidecast.models.boosting import (
    boosting_from_bytes,
    boosting_to_bytes,
    new_boosting,
    predict_steps,
    sample_steps,
)

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
    return new_boosting(7, trees=20).fit(inputs, drawn)


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
    predicted = predict_steps(boosting, matrix, HORIZON)
    assert predicted.shape == (ROWS, HORIZON)
    slopes = (predicted * matrix.values[:, :1]).mean(axis=0)
    assert slopes[-1] > 2 * slopes[0] > 0


def test_predict_steps_of_one_row_has_the_bits_of_the_batch(boosting, matrix):
    together = predict_steps(boosting, matrix, HORIZON)
    for row in (0, 17, ROWS - 1):
        alone = predict_steps(boosting, matrix.take(np.arange(ROWS) == row), HORIZON)
        assert alone.tobytes() == together[row].tobytes()


def test_predict_steps_leaves_the_number_of_threads_alone(boosting, matrix):
    with threadpool_limits(2, user_api="openmp"):
        before = threadpool_info()
        predict_steps(boosting, matrix, HORIZON)
        assert threadpool_info() == before


def test_bytes_give_the_same_boosting_back(boosting, matrix):
    again = boosting_from_bytes(boosting_to_bytes(boosting))
    expected = predict_steps(boosting, matrix, HORIZON)
    assert predict_steps(again, matrix, HORIZON).tobytes() == expected.tobytes()


def test_bytes_hold_json_and_plain_arrays_only(boosting):
    with zipfile.ZipFile(io.BytesIO(boosting_to_bytes(boosting).tobytes())) as archive:
        for name in archive.namelist():
            assert name == "schema.json" or name.endswith(".npy")
            if name.endswith(".npy"):
                np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


def _carrying(boosting, cargo):
    laden = boosting_from_bytes(boosting_to_bytes(boosting))
    laden.extra = cargo
    return laden


@pytest.mark.parametrize(
    "build",
    [
        lambda boosting: LinearRegression(),
        lambda boosting: {"boosting": boosting},
        lambda boosting: np.zeros(3),
        lambda boosting: functools.partial(os.system, "true"),
        lambda boosting: FunctionTransformer(func=os.system),
        lambda boosting: _carrying(boosting, functools.partial(os.system, "true")),
        lambda boosting: _carrying(boosting, os.system),
    ],
    ids=["model", "dict", "array", "partial", "function", "carried partial", "carried function"],
)
def test_bytes_of_anything_else_are_refused(build, boosting):
    content = np.frombuffer(skops.io.dumps(build(boosting)), dtype=np.uint8)
    with pytest.raises(ArtefactInvalid, match="boosting"):
        boosting_from_bytes(content)


def test_refused_bytes_run_nothing(boosting, tmp_path):
    trace = tmp_path / "trace"
    laden = _carrying(boosting, functools.partial(os.system, f"touch {trace}"))
    with pytest.raises(ArtefactInvalid, match="Untrusted"):
        boosting_from_bytes(np.frombuffer(skops.io.dumps(laden), dtype=np.uint8))
    assert not trace.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:0],
        lambda content: content[: len(content) // 2],
        lambda content: content[1:],
        lambda content: np.zeros(100, dtype=np.uint8),
        lambda content: content.astype(np.float64),
    ],
    ids=["empty", "half", "shifted", "zeros", "as floats"],
)
def test_damaged_bytes_are_refused(damage, boosting):
    with pytest.raises(ArtefactInvalid, match="cannot be read"):
        boosting_from_bytes(damage(boosting_to_bytes(boosting)))
