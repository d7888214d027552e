from collections.abc import Callable
from functools import cache

import pandas as pd
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps, with_still
from tidecast.features.matrix import needed_candles

EXTRA = 60
"""Candles of a market beyond those that a feature needs."""


@cache
def _market(interval: str) -> pd.DataFrame:
    count = needed_candles(interval) + EXTRA
    candles = with_still(synthetic_candles(count, interval), [(7, 1), (count - 30, 4)])
    candles.iloc[count - 14, candles.columns.get_loc("volume")] = 0.0
    return with_gaps(candles, [(5, 1), (count - 40, 3), (count - 9, 1)])


@pytest.fixture(scope="session")
def market() -> Callable[[str], pd.DataFrame]:
    """Candles just long enough for features, with gaps, still ones and one without volume."""
    return lambda interval: _market(interval).copy()


@pytest.fixture(params=["5m", "1h", "1d"])
def interval(request: pytest.FixtureRequest) -> str:
    return str(request.param)
