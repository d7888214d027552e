from dataclasses import replace
from datetime import UTC, datetime
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.forecasts import LEVELS, Forecast
from tidecast.lifecycle.recompute import Difference, compare
from tidecast.timeframes import Market

SHAPE = (3, len(LEVELS))
QUANTILES = 100 + np.arange(np.prod(SHAPE), dtype=np.float64).reshape(SHAPE)
FORECAST = Forecast(
    market=Market("BTC-USD", "1h"),
    cutoff=datetime(2025, 1, 1, tzinfo=UTC),
    close=100.0,
    mean=np.array([100.0, 101.0, 102.0]),
    quantiles=QUANTILES,
    baseline_quantiles=QUANTILES + 1,
    model_version="1",
)


def test_equal_forecasts_do_not_differ() -> None:
    assert compare(FORECAST, replace(FORECAST, mean=FORECAST.mean.copy())) == ()


@given(
    name=st.sampled_from(["mean", "quantiles", "baseline_quantiles"]),
    position=st.integers(0, 2),
    bit=st.integers(0, 63),
)
def test_one_bit_anywhere_is_a_difference(name: str, position: int, bit: int) -> None:
    array = getattr(FORECAST, name).copy()
    array.reshape(-1).view(np.uint64)[position] ^= np.uint64(1 << bit)

    (difference,) = compare(FORECAST, replace(FORECAST, **{name: array}))

    assert (difference.name, difference.values) == (name, 1)
    assert difference.largest_ratio > 0


def test_difference_has_the_largest_relative_error() -> None:
    mean = np.array([100.0, 111.1, 102.51])

    (difference,) = compare(FORECAST, replace(FORECAST, mean=mean))

    assert (difference.values, difference.of) == (2, 3)
    assert difference.largest_ratio == pytest.approx(0.1)


@pytest.mark.parametrize("value", [nan, inf])
def test_value_that_is_not_finite_differs_infinitely(value: float) -> None:
    mean = np.array([100.0, value, 102.0])

    assert compare(FORECAST, replace(FORECAST, mean=mean)) == (Difference("mean", 1, 3, inf),)


def test_other_shape_differs_in_every_value() -> None:
    (difference,) = compare(FORECAST, replace(FORECAST, mean=np.ones(4)))

    assert difference == Difference("mean", 3, 3, inf)


def test_close_is_compared() -> None:
    (difference,) = compare(FORECAST, replace(FORECAST, close=np.nextafter(100.0, 101)))

    assert difference.name == "close"
