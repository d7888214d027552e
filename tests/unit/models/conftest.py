from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.model import ReturnForecasts


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that spin for a busy core cost more than these small fits."""
    with threadpool_limits(1):
        yield


@cache
def _year() -> pd.DataFrame:
    return synthetic_candles(9200)


@pytest.fixture(scope="session")
def year() -> pd.DataFrame:
    """A little more than a year of hourly candles; read only."""
    return _year()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def normal_quantiles() -> Floats:
    """Quantiles of the standard normal, shape (levels,)."""
    return np.asarray(norm.ppf(LEVELS))


@pytest.fixture
def returns_of() -> Callable[[Floats], ReturnForecasts]:
    """Forecasts with the given quantiles of shape (n, horizon, levels) and a centre of zero."""

    def make(quantiles: Floats) -> ReturnForecasts:
        count, horizon, _ = quantiles.shape
        cutoffs = pd.date_range("2025-01-01", periods=count, freq="h", tz="UTC").as_unit("us")
        return ReturnForecasts(
            cutoffs, np.full(count, 50_000.0), np.zeros((count, horizon)), quantiles
        )

    return make
