import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tidecast.drift import feature_drift, ks, psi
from tidecast.errors import InvalidParameter
from tidecast.forecasts import Floats

samples = arrays(np.float64, st.integers(1, 60), elements=st.integers(-5, 5).map(float))


def naive_psi(reference: Floats, current: Floats) -> float:
    """For a reference without ties: count by comparing every value with every bin."""
    ordered, total = sorted(reference), 0.0
    edges = [ordered[math.ceil(len(ordered) * k / 10) - 1] for k in range(1, 10)]
    bounds = [-math.inf, *edges, math.inf]
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        expected, seen = (
            (sum(low < value <= high for value in values) + 0.5) / (len(values) + 5)
            for values in (reference, current)
        )
        total += (seen - expected) * math.log(seen / expected)
    return total


def test_psi_equals_the_naive_count() -> None:
    random = np.random.default_rng(1)
    reference, current = random.normal(size=500), random.normal(0.4, 1.3, 200)
    assert psi(reference, current) == pytest.approx(naive_psi(reference, current))


def test_psi_of_a_shifted_half_is_known() -> None:
    """All of the current values sit in the upper five of ten bins, twenty each."""
    reference = np.arange(1000.0)
    even = (100.5 / 1005, 20.5 / 105, 0.5 / 105)
    expected = 5 * ((even[1] - even[0]) * math.log(even[1] / even[0]))
    expected += 5 * ((even[2] - even[0]) * math.log(even[2] / even[0]))
    assert psi(reference, np.arange(500.0, 1000.0, 5.0)) == pytest.approx(expected)


@given(samples, samples)
def test_psi_is_never_negative(reference: Floats, current: Floats) -> None:
    assert psi(reference, current) >= 0


@given(samples)
def test_psi_of_the_same_values_is_zero(values: Floats) -> None:
    assert psi(values, values) == 0.0


@given(samples, samples)
def test_psi_does_not_depend_on_order(reference: Floats, current: Floats) -> None:
    assert psi(reference[::-1], np.sort(current)) == psi(reference, current)


@pytest.mark.parametrize("moved", [-1.0, 1.0])
def test_psi_sees_a_constant_move_in_either_direction(moved: float) -> None:
    assert psi(np.zeros(100), np.full(100, moved)) > 5
    assert psi(np.zeros(100), np.zeros(50)) < 0.01


@pytest.mark.parametrize("moved", [-0.01, 0.01])
def test_psi_sees_values_leave_a_common_zero(moved: float) -> None:
    random = np.random.default_rng(2)
    reference = np.concatenate([np.zeros(600), random.normal(size=400)])
    current = np.where(reference == 0, moved, reference)
    assert psi(reference, current) > 0.25
    assert psi(reference, random.permutation(reference)[:500]) < 0.05


def test_psi_without_drift_is_near_its_expected_noise() -> None:
    random = np.random.default_rng(3)
    values = [psi(random.normal(size=2000), random.normal(size=300)) for _ in range(50)]
    assert np.mean(values) == pytest.approx(9 * (1 / 2000 + 1 / 300), rel=0.2)


def test_psi_leaves_unknown_values_out() -> None:
    reference, current = np.arange(100.0), np.arange(50.0)
    holes = np.array([np.nan, np.inf])
    assert psi(np.append(reference, holes), np.append(holes, current)) == psi(reference, current)


@pytest.mark.parametrize("empty", [np.empty(0), np.array([np.nan])])
def test_drift_is_unknown_without_values(empty: Floats) -> None:
    assert math.isnan(psi(np.arange(5.0), empty))
    assert math.isnan(psi(empty, np.arange(5.0)))
    assert all(map(math.isnan, ks(np.arange(5.0), empty)))


def naive_ks(reference: Floats, current: Floats) -> float:
    points = np.concatenate([reference, current])
    return max(abs(float((reference <= x).mean() - (current <= x).mean())) for x in points)


def test_ks_is_the_largest_distance_of_the_distribution_functions() -> None:
    random = np.random.default_rng(4)
    reference, current = random.normal(size=120), random.normal(0.5, 1, 80)
    statistic, p = ks(reference, current)
    assert statistic == pytest.approx(naive_ks(reference, current))
    assert p < 0.05


def test_feature_drift_lists_the_most_drifted_first() -> None:
    random = np.random.default_rng(5)
    names = ["calm", "moved", "wider"]
    reference = pd.DataFrame(random.normal(size=(1000, 3)), columns=names)
    current = pd.DataFrame(random.normal(size=(200, 3)), columns=names)
    current["moved"] += 3
    current["wider"] *= 2
    table = feature_drift(reference, current)
    assert table.columns.tolist() == ["feature", "psi", "ks", "p"]
    assert table["feature"].tolist() == ["moved", "wider", "calm"]
    assert table.loc[0, "psi"] == psi(reference["moved"].to_numpy(), current["moved"].to_numpy())


def test_feature_drift_refuses_a_missing_column() -> None:
    with pytest.raises(InvalidParameter, match="lack \\['b'\\]"):
        feature_drift(pd.DataFrame({"a": [1.0], "b": [1.0]}), pd.DataFrame({"a": [1.0]}))
