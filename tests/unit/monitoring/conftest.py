from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from monitoring.decision import Policy
from monitoring.window import ErrorWindow, Span, build_window
from tidecast.timeframes import Market

START = datetime(2025, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKET = Market("BTC-USD", "1h")
HORIZON = 24


@pytest.fixture
def start() -> datetime:
    return START


@pytest.fixture
def market() -> Market:
    return MARKET


@pytest.fixture
def policy() -> Policy:
    """The default settings."""
    return Policy(
        min_scored=24,
        max_mase=1.5,
        max_crps_ratio=1.1,
        min_t=2.5,
        consecutive_rounds=2,
        rearm_ratio=1.02,
        cooldown=24 * HOUR,
        max_model_age=timedelta(days=30),
    )


@pytest.fixture
def make_window() -> Callable[..., ErrorWindow]:
    """A window by its figures, scored up to ``hour`` hours after the start."""

    def make(
        hour: float = 0,
        crps_ratio: float = 1.0,
        t: float = 0.0,
        mase: float = 1.0,
        scored: int = 168,
        version: str = "1",
        recent: Span | None = None,
        coverage_90: float = 0.9,
        coverage_t: float = 0.0,
    ) -> ErrorWindow:
        return ErrorWindow(
            version=version,
            newest=START + hour * HOUR,
            mase=mase,
            recent=recent or Span(min(scored, 48), crps_ratio, t),
            whole=Span(scored, crps_ratio, t),
            coverage={50: 0.5, 80: 0.8, 90: coverage_90, 95: 0.95},
            coverage_t=coverage_t,
        )

    return make


@pytest.fixture
def make_candles() -> Callable[..., pd.DataFrame]:
    """Hourly candles of a seeded walk; ``without`` are positions left out."""

    def make(n: int = 200, without: tuple[int, ...] = ()) -> pd.DataFrame:
        close = 100 * np.exp(np.random.default_rng(3).normal(0, 0.01, n).cumsum())
        index = pd.date_range(START, periods=n, freq=HOUR, name="open_time").as_unit("us")
        frame = pd.DataFrame(
            {
                "open": close,
                "high": close * 1.01,
                "low": close * 0.99,
                "close": close,
                "volume": np.linspace(1, 2, n),
            },
            index=index,
        )
        return frame.drop(frame.index[list(without)])

    return make


@dataclass(frozen=True)
class ScoreStream:
    """Scores of normal forecasts of a simulated market, in closed form.

    ``center`` and ``deviation`` have one value per hour and are those of one step; step ``h``
    is ``sqrt(h)`` times as wide. The baseline is as wide as the market is on average.
    """

    returns: np.ndarray
    deviation: np.ndarray
    baseline: float
    center: np.ndarray

    def frame(self, first: int = 0, version: str = "1") -> pd.DataFrame:
        """All scores of the cutoffs from ``first`` on, ordered by target time."""
        hours = len(self.returns)
        cutoff, step = np.meshgrid(
            np.arange(first, hours - 1), np.arange(1, HORIZON + 1), indexing="ij"
        )
        cutoff, step = cutoff[cutoff + step < hours], step[cutoff + step < hours]
        path = self.returns.cumsum()
        realised = path[cutoff + step] - path[cutoff]
        wide = np.sqrt(step)
        z = (realised - self.center[cutoff]) / (self.deviation[cutoff] * wide)
        instants = pd.date_range(START, periods=hours, freq=HOUR).as_unit("us")
        frame = pd.DataFrame(
            {
                "cutoff": instants[cutoff],
                "target_time": instants[cutoff + step],
                "step": step,
                "model_version": version,
                "error": np.abs(realised - self.center[cutoff]),
                "baseline_error": np.abs(realised),
                "crps": self.deviation[cutoff] * wide * _normal_crps(z),
                "baseline_crps": self.baseline
                * wide
                * _normal_crps(realised / (self.baseline * wide)),
                **{
                    f"covered_{percent}": np.abs(z) < norm.ppf(0.5 + percent / 200)
                    for percent in (50, 80, 90, 95)
                },
            }
        )
        return frame.sort_values(["target_time", "step"], ignore_index=True)


@pytest.fixture
def simulate() -> Callable[..., ScoreStream]:
    """A market with clustered volatility and heavy tails, and a healthy EWMA model of it."""

    def make(hours: int, seed: int, shock: tuple[int, float] | None = None) -> ScoreStream:
        rng = np.random.default_rng(seed)
        scale = np.exp(_ar(rng.normal(0, 0.08, hours), 0.97) - 5)
        returns = scale * rng.standard_t(5, hours) * np.sqrt(3 / 5)
        if shock is not None:
            hour, size = shock
            returns[hour : hour + 2] = -size, size
        spread = np.sqrt(_ar(0.06 * returns**2, 0.94))
        spread[:50] = spread[50]
        return ScoreStream(returns, spread, float(np.exp(-5) * 1.06), np.zeros(hours))

    return make


@pytest.fixture
def windows() -> Callable[..., Iterator[ErrorWindow]]:
    """The windows that a monitor sees hour by hour, each with its hour."""

    def make(scores: pd.DataFrame, first: int = 0) -> Iterator[ErrorWindow]:
        hour = ((scores["target_time"] - pd.Timestamp(START)) // HOUR).to_numpy()
        for now in range(max(first, int(hour[0]) + 24), int(hour[-1]) + 1):
            rows = slice(*np.searchsorted(hour, [now - 168, now], side="right"))
            yield build_window(scores.iloc[rows], MARKET, "1", 168)

    return make


def _normal_crps(z: np.ndarray) -> np.ndarray:
    """CRPS of the standard normal (Gneiting and Raftery 2007, equation 21)."""
    return np.asarray(z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))


def _ar(noise: np.ndarray, memory: float) -> np.ndarray:
    values = np.empty(len(noise))
    last = 0.0
    for i, one in enumerate(noise):
        last = memory * last + one
        values[i] = last
    return values
