from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor

from tidecast.models.tree_export import export_trees
from tidecast.models.trees import BATCH_ROWS, MAX_MAGNITUDE, MAX_NODES, MAX_TREES, Trees

COLUMNS = 6
ROWS = 1_500
NODE_PARTS = ("left", "right", "column", "threshold", "missing_left", "value")
HUGE = 2**31 - 1


@pytest.fixture(scope="module")
def inputs():
    random = np.random.default_rng(5)
    values = random.standard_normal((ROWS, COLUMNS))
    values[random.random(values.shape) < 0.1] = np.nan
    return values


@pytest.fixture(scope="module")
def fitted(inputs):
    """scikit-learn's boosting; it met NaN, so its nodes send them left and right."""
    targets = np.nan_to_num(inputs[:, 0] * inputs[:, 1] + inputs[:, 2])
    boosting = HistGradientBoostingRegressor(
        max_iter=25, max_leaf_nodes=9, early_stopping=False, random_state=1
    )
    return boosting.fit(inputs, targets)


@pytest.fixture(scope="module")
def trees(fitted):
    return export_trees(fitted)


@pytest.fixture
def stump():
    """One tree: the first column at most 0.5 gives 1, else 2."""
    return {
        "columns": np.array(2),
        "baseline": np.array(10.0),
        "sizes": np.array([3], dtype=np.int32),
        "left": np.array([1, -1, -1], dtype=np.int32),
        "right": np.array([2, -1, -1], dtype=np.int32),
        "column": np.array([0, 0, 0], dtype=np.int32),
        "threshold": np.array([0.5, 0.0, 0.0]),
        "missing_left": np.array([False, False, False]),
        "value": np.array([0.0, 1.0, 2.0]),
    }


def test_predictions_have_the_bits_of_scikit_learn(trees, fitted, inputs):
    assert trees.missing_left.any() and not trees.missing_left.all()
    assert trees.predict(inputs).tobytes() == fitted.predict(inputs).tobytes()


def test_predictions_of_a_batch_have_the_bits_of_single_rows(trees, inputs):
    many = np.tile(inputs, (BATCH_ROWS // ROWS + 2, 1))
    predicted = trees.predict(many)
    for row in (0, BATCH_ROWS - 1, BATCH_ROWS, len(many) - 1):
        assert trees.predict(many[row : row + 1])[0] == predicted[row]


def test_value_at_the_threshold_goes_left(stump):
    predicted = Trees.from_state(stump).predict(np.array([[0.5, 0.0], [0.6, 0.0], [np.nan, 0.0]]))
    np.testing.assert_array_equal(predicted, [11.0, 12.0, 12.0])


def test_missing_value_goes_where_the_node_says(stump):
    stump["missing_left"][0] = True
    predicted = Trees.from_state(stump).predict(np.array([[np.nan, 0.0], [0.6, 0.0]]))
    np.testing.assert_array_equal(predicted, [11.0, 12.0])


def test_infinite_threshold_separates_the_missing(stump):
    """What scikit-learn writes for a split between known and missing values."""
    stump["threshold"][0] = np.inf
    predicted = Trees.from_state(stump).predict(np.array([[1e300, 0.0], [np.nan, 0.0]]))
    np.testing.assert_array_equal(predicted, [11.0, 12.0])


def test_inputs_with_another_number_of_features_are_refused(trees, inputs):
    with pytest.raises(ValueError, match="5 features"):
        trees.predict(inputs[:, 1:])


@pytest.mark.parametrize(
    ("part", "position", "value", "message"),
    [
        ("left", 0, 0, "behind its node"),
        ("right", 0, 0, "behind its node"),
        ("left", 0, 3, "behind its node"),
        ("left", 0, HUGE, "behind its node"),
        ("left", 0, -2, "behind its node"),
        ("left", 0, -1, "behind its node"),
        ("left", 0, 2, "one parent"),
        ("left", 1, 2, "behind its node"),
        ("column", 0, 2, "beyond the 2 features"),
        ("column", 0, 10_000_000, "beyond the 2 features"),
        ("column", 0, -1, "beyond the 2 features"),
        ("threshold", 0, np.nan, "NaN"),
        ("value", 1, np.nan, "allowed: up to"),
        ("value", 1, np.inf, "allowed: up to"),
        ("value", 1, 1e300, "allowed: up to"),
        ("value", 2, -2 * MAX_MAGNITUDE, "allowed: up to"),
        ("sizes", 0, 2, "do not have 2 nodes"),
        ("sizes", 0, 0, "allowed: 1 to"),
        ("sizes", 0, -3, "allowed: 1 to"),
        ("sizes", 0, MAX_NODES + 1, "allowed: 1 to"),
    ],
)
def test_forged_node_is_refused(stump, part, position, value, message):
    stump[part][position] = value
    with pytest.raises(ValueError, match=message):
        Trees.from_state(stump)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_forged_baseline_is_refused(stump, value):
    with pytest.raises(ValueError, match="allowed: up to"):
        Trees.from_state({**stump, "baseline": np.array(value)})


@pytest.mark.parametrize("part", Trees.PARTS)
def test_array_of_another_shape_or_type_is_refused(stump, part):
    for other in (stump[part].astype(complex), np.stack([stump[part]] * 2)):
        with pytest.raises((ValueError, TypeError)):
            Trees.from_state({**stump, part: other})


def test_nodes_that_no_tree_reaches_are_refused(stump):
    stump["left"][0] = stump["right"][0] = -1
    with pytest.raises(ValueError, match="one parent"):
        Trees.from_state(stump)


def test_too_many_trees_are_refused(stump):
    count = MAX_TREES + 1
    arrays = {part: np.tile(array, count) for part, array in stump.items() if array.ndim}
    with pytest.raises(ValueError, match=f"{count} trees"):
        Trees.from_state({**stump, **arrays})


@st.composite
def mutations(draw):
    """Some places of the arrays of nodes, and what is written there."""
    part = draw(st.sampled_from(NODE_PARTS))
    numbers = {
        "missing_left": st.booleans(),
        "threshold": st.floats(),
        "value": st.floats(),
    }.get(part, st.integers(-(2**31), HUGE) | st.integers(-2, 20))
    return part, draw(st.lists(st.tuples(st.integers(0, 10**6), numbers), min_size=1, max_size=5))


@given(changes=st.lists(mutations(), min_size=1, max_size=3))
@settings(deadline=None, max_examples=150)
def test_mutated_trees_are_refused_or_predict_finite_numbers(trees, inputs, changes):
    arrays = {part: array.copy() for part, array in trees.state().items()}
    for part, places in changes:
        for position, value in places:
            arrays[part][position % len(arrays[part])] = value
    try:
        mutated = Trees.from_state(arrays)
    except ValueError:
        return
    predicted = mutated.predict(inputs)
    assert np.isfinite(predicted).all()
    if all(np.array_equal(arrays[part], getattr(trees, part)) for part in NODE_PARTS):
        assert predicted.tobytes() == trees.predict(inputs).tobytes()


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_what_a_leaf_holds_beside_its_value_changes_nothing(trees, inputs, seed):
    random, leaves = np.random.default_rng(seed), trees.left == -1
    noise = random.integers(-(2**31), HUGE, len(leaves)).astype(np.int32)
    other = replace(
        trees,
        column=np.where(leaves, noise, trees.column),
        threshold=np.where(leaves, np.nan, trees.threshold),
        value=np.where(leaves, trees.value, 1e300),
    )
    assert other.predict(inputs).tobytes() == trees.predict(inputs).tobytes()
