from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tidecast.evaluation.report import BacktestResult
from tidecast.forecasts import LEVELS, Floats, Forecast
from tidecast.models.model import ReturnForecasts
from tidecast.timeframes import Market

CUTOFF = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def normal_quantiles() -> Floats:
    """Quantiles of the standard normal, shape (levels,)."""
    return np.asarray(norm.ppf(LEVELS))


@pytest.fixture
def make_forecast(normal_quantiles: Floats) -> Callable[..., Forecast]:
    """A normal forecast of the given log-return deviation per step, around today's price."""

    def make(deviation: float = 0.01, horizon: int = 4, drift: float = 0.0) -> Forecast:
        returns = drift + deviation * np.tile(normal_quantiles, (horizon, 1))
        baseline = 2 * deviation * np.tile(normal_quantiles, (horizon, 1))
        close = 50_000.0
        return Forecast(
            market=Market("BTC-USD", "1h"),
            cutoff=CUTOFF,
            close=close,
            mean=close * np.exp(np.full(horizon, drift)),
            quantiles=close * np.exp(returns),
            baseline_quantiles=close * np.exp(baseline),
            model_version="3",
        )

    return make


@pytest.fixture
def make_candles() -> Callable[..., pd.DataFrame]:
    """Flat candles with the given closes from an open time on."""

    def make(closes: list[float], start: datetime = CUTOFF) -> pd.DataFrame:
        index = pd.date_range(start, periods=len(closes), freq="h", name="open_time").as_unit("us")
        return pd.DataFrame(
            {name: closes for name in ("open", "high", "low", "close")} | {"volume": 1.0},
            index=index,
            dtype=np.float64,
        )

    return make


@pytest.fixture(scope="session")
def make_returns(normal_quantiles: Floats) -> Callable[..., ReturnForecasts]:
    """Normal return forecasts whose deviation grows with the root of the step."""

    def make(
        count: int, horizon: int = 3, deviation: float = 0.01, bias: float = 0.0
    ) -> ReturnForecasts:
        roots = np.sqrt(np.arange(1, horizon + 1))
        table = bias + deviation * roots[:, None] * normal_quantiles
        return ReturnForecasts(
            cutoffs=pd.date_range(CUTOFF, periods=count, freq="h").as_unit("us"),
            close=np.full(count, 50_000.0),
            center=np.full((count, horizon), bias),
            quantiles=np.tile(table, (count, 1, 1)),
        )

    return make


@pytest.fixture
def realised(random: np.random.Generator) -> Callable[..., Floats]:
    """Realised overlapping returns of a random walk; the last rows are unknown."""
    return partial(walked_returns, random)


def walked_returns(
    random: np.random.Generator, count: int, horizon: int = 3, deviation: float = 0.01
) -> Floats:
    path = np.concatenate([[0.0], random.normal(0, deviation, count).cumsum()])
    returns = np.full((count, horizon), np.nan)
    for step in range(1, horizon + 1):
        returns[: count + 1 - step, step - 1] = path[step:] - path[: count + 1 - step]
    return returns


def without_quantiles(forecasts: ReturnForecasts) -> ReturnForecasts:
    return replace(forecasts, quantiles=np.empty((*forecasts.center.shape, 0)))


@pytest.fixture(scope="session")
def backtest_result(make_returns: Callable[..., ReturnForecasts]) -> BacktestResult:
    """True deviation 1 %: the ensemble has it, GARCH is 20 % and the random walk 60 % too wide."""
    random = np.random.default_rng(7)
    close = 100 * np.exp(random.normal(0, 0.01, 600).cumsum())
    noise = random.normal(0, 0.001, (600, 3))
    forecasts = {
        "ensemble": replace(make_returns(600), center=noise, close=close),
        "sarimax": without_quantiles(replace(make_returns(600), center=noise, close=close)),
        "random_walk": replace(make_returns(600, deviation=0.016), close=close),
        "garch": replace(make_returns(600, deviation=0.012), close=close),
    }
    return BacktestResult(
        market="BTC-USD:1h",
        interval="1h",
        horizon=3,
        start=datetime(2025, 3, 1, tzinfo=UTC),
        end=datetime(2025, 3, 26, tzinfo=UTC),
        refits=[{"at": "2025-03-01T00:00:00Z"}],
        forecasts=forecasts,
        actual_returns=walked_returns(random, 600),
        timings={"fit": 1.5},
    )
