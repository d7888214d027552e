import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.features.windows import discounted_sum, window_sum

values_of = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80)


@given(values_of, st.integers(1, 100))
def test_window_sum_equals_the_exact_sum(values, length):
    got = window_sum(np.array(values), length)
    for i, sum_ in enumerate(got):
        if i + 1 < length:
            assert math.isnan(sum_)
        else:
            window = values[i + 1 - length : i + 1]
            size = math.fsum(map(abs, window))
            assert sum_ == pytest.approx(math.fsum(window), abs=1e-12 * size + 1e-300)


@given(values_of, st.integers(1, 100), st.floats(0.0, 1.0))
def test_discounted_sum_equals_a_naive_loop(values, length, discount):
    got = discounted_sum(np.array(values), length, discount)
    for i in range(length - 1, len(values)):
        terms = [discount**k * values[i - k] for k in range(length)]
        assert got[i] == pytest.approx(math.fsum(terms), abs=1e-12 * sum(map(abs, terms)) + 1e-300)


@given(values_of, values_of, st.integers(1, 80), st.floats(0.5, 1.0))
def test_discounted_sum_has_the_same_bits_in_a_longer_history(older, values, length, discount):
    alone = discounted_sum(np.array(values), length, discount)
    after = discounted_sum(np.array(older + values), length, discount)[len(older) :]
    known = ~np.isnan(alone)
    np.testing.assert_array_equal(alone[known], after[known])


@given(values_of, values_of, st.integers(1, 80))
def test_window_sum_does_not_see_what_comes_later(values, later, length):
    alone = window_sum(np.array(values), length)
    before = window_sum(np.array(values + later), length)[: len(values)]
    np.testing.assert_array_equal(alone, before)


def test_window_sum_leaves_its_input_alone():
    values = np.arange(20.0)
    window_sum(values, 5)
    np.testing.assert_array_equal(values, np.arange(20.0))


def test_window_sum_is_nan_only_where_its_window_holds_a_nan():
    values = np.ones(12)
    values[4] = np.nan
    expected = [np.nan] * 2 + [3.0] * 2 + [np.nan] * 3 + [3.0] * 5
    np.testing.assert_array_equal(window_sum(values, 3), expected)
