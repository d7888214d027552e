from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from service.board import Board
from service.champion import Origin, Title
from service.dataplane import DataPlane, Limits
from service.parameters import level_positions
from service.rendering import render
from service.snapshot import Snapshot
from tidecast.forecasts import LEVELS, Forecast
from tidecast.store import LoggedForecast, Store
from tidecast.timeframes import Market

CUTOFF = datetime(2025, 1, 31, 10, tzinfo=UTC)
DEFAULT_LEVELS = level_positions((0.05, 0.5, 0.95))


class StoppedClock:
    """A clock that shows what it is set to."""

    simulated = False

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.fixture
def market() -> Market:
    return Market("BTC-USD", "1h")


@pytest.fixture
def forecast(market: Market) -> Forecast:
    steps = np.arange(1, 5)[:, None]
    quantiles = 100 + steps * (np.array(LEVELS) - 0.5) / 3
    mean = np.full(4, 100.1)
    return Forecast(market, CUTOFF, 100.0, mean, quantiles, quantiles, "7")


@pytest.fixture
def snapshot(forecast: Forecast, tmp_path: Path) -> Snapshot:
    title = Title("7", 1, CUTOFF - timedelta(hours=5))
    logged = LoggedForecast(forecast, CUTOFF, "coinbase:BTC-USD", None, simulated=False)
    rendered = render(
        forecast,
        source=logged.source,
        trained_at=CUTOFF - timedelta(days=1),
        promoted_at=title.promoted_at,
        simulated=False,
        default_levels=DEFAULT_LEVELS,
    )
    origin = Origin(title, CUTOFF - timedelta(days=1), tmp_path)
    return Snapshot(logged, origin, (), rendered)


@pytest.fixture
def board(market: Market) -> Board:
    return Board([market, Market("ETH-USD", "1h"), Market("ETH-USD", "1d")])


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(CUTOFF + timedelta(minutes=30))


@pytest.fixture
def plane(board: Board, clock: StoppedClock, tmp_path) -> DataPlane:
    store = Store(f"sqlite:///{tmp_path / 'tidecast.db'}")
    limits = Limits(
        horizon=24,
        default_levels=DEFAULT_LEVELS,
        max_staleness_candles=24,
        degraded_after_candles=2,
        max_candles=50,
    )
    return DataPlane(board, store, clock, limits)
