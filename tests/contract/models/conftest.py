import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.models import catalogue
from tidecast.models.artefact import save
from tidecast.models.calibration import Calibration
from tidecast.models.model import Model, ReturnForecasts
from tidecast.timeframes import interval_length

TRAINING = {"5m": 3200, "1h": 2200, "1d": 1400}
"""Candles that models are fitted on: a little more than the ensemble needs."""
AFTER = 40
"""Candles behind the training window, to forecast from."""
KINDS = ("random_walk", "ensemble", "garch")
"""A model of each kind of artefact: a table, trees, many parameters."""
GAPS = [(30, 2), (-300, 3), (-9, 1)]
"""First position and count of missing candles; negative positions count from the end."""


@cache
def _market(interval: str) -> pd.DataFrame:
    count = TRAINING[interval] + AFTER
    gaps = [(first % count, missing) for first, missing in GAPS]
    return with_gaps(synthetic_candles(count, interval, seed=21), gaps)


@cache
def _fitted(name: str, interval: str, horizon: int) -> Model:
    training = _market(interval).iloc[:-AFTER]
    return catalogue.fit(name, training, interval, horizon, seed=7, threads=1)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that spin for a busy core cost more than these small fits."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def market() -> Callable[[str], pd.DataFrame]:
    """Candles of an interval with some gaps; the last ``AFTER`` no model has seen. Read only."""
    return _market


@pytest.fixture(scope="session")
def training() -> Callable[[str], pd.DataFrame]:
    """The part of a market that models are fitted on. Read only."""
    return lambda interval: _market(interval).iloc[:-AFTER]


@pytest.fixture(scope="session")
def fitted() -> Callable[..., Model]:
    """A model by name, interval and horizon, fitted once in a session."""
    return lambda name, interval="1h", horizon=24: _fitted(name, interval, horizon)


@pytest.fixture(params=list(catalogue.CLASSES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cutoffs() -> Callable[..., pd.DatetimeIndex]:
    """Ends of the newest ``count`` candles of a frame but the last ``before``."""

    def newest(candles: pd.DataFrame, interval: str, count: int, before: int = 0):
        ends = pd.DatetimeIndex(candles.index + interval_length(interval))
        return ends[len(ends) - count - before : len(ends) - before]

    return newest


@pytest.fixture
def assert_same_bits() -> Callable[[ReturnForecasts, ReturnForecasts], None]:
    def check(got: ReturnForecasts, expected: ReturnForecasts) -> None:
        assert list(got.cutoffs) == list(expected.cutoffs)
        for part in ("close", "center", "quantiles"):
            one, other = (np.ascontiguousarray(getattr(f, part)) for f in (got, expected))
            assert one.shape == other.shape
            assert one.tobytes() == other.tobytes(), part

    return check


@pytest.fixture(scope="session")
def saved(fitted, tmp_path_factory):
    home = tmp_path_factory.mktemp("saved")
    for name in KINDS:
        save(home / name, fitted(name), Calibration.initial(24), {"market": "BTC-USD:1h"})
    return home


@pytest.fixture(params=KINDS)
def folder(request, saved, tmp_path) -> Path:
    """A sound artefact that a test may spoil."""
    return Path(shutil.copytree(saved / request.param, tmp_path / request.param))


@pytest.fixture
def ensemble_folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved / "ensemble", tmp_path / "ensemble"))
