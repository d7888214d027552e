from collections.abc import Callable
from functools import cache

import pandas as pd
import pytest
from hypothesis import settings

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.features.matrix import needed_candles

# The same examples in every run, however slow the machine is at the moment.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

EXTRA = 60
"""Candles of a market beyond those that a feature needs."""


@cache
def _market(interval: str) -> pd.DataFrame:
    count = needed_candles(interval) + EXTRA
    return with_gaps(synthetic_candles(count, interval), [(5, 1), (count - 40, 3), (count - 9, 1)])


@pytest.fixture(scope="session")
def market() -> Callable[[str], pd.DataFrame]:
    """Candles of an interval, just long enough for features, with three gaps near both ends."""
    return lambda interval: _market(interval).copy()


@pytest.fixture(params=["5m", "1h", "1d"])
def interval(request: pytest.FixtureRequest) -> str:
    return str(request.param)
