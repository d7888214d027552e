"""Stores to test against: SQLite in a file, and PostgreSQL from a server that the tests start."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest

from tests.integration.postgres import PostgresServer
from tidecast.forecasts import LEVELS, Forecast
from tidecast.store import LoggedForecast, Store
from tidecast.store.tables import metadata
from tidecast.timeframes import Market

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKET = Market("BTC-USD", "1h")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "tidecast.db"
    with Store(f"sqlite:///{path}") as store:
        store.migrate()
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres: PostgresServer) -> str:
    url = postgres.create()
    with Store(url) as store:
        store.migrate()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables, once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tidecast.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create()


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """URL of a migrated SQLite database."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'tidecast.db')}"


@pytest.fixture
def postgres_url(migrated_database: str) -> str:
    """URL of a migrated PostgreSQL database without rows."""
    with psycopg.connect(migrated_database) as connection:
        for name in metadata.tables:
            connection.execute(f'DELETE FROM "{name}"')  # much faster than a new database
    return migrated_database


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database, once on each kind."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A migrated store, once on each kind of database."""
    with Store(url) as opened:
        yield opened


@pytest.fixture
def market() -> Market:
    return MARKET


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_candles() -> Callable[..., pd.DataFrame]:
    """Candle frames: ``rows`` candles of plausible prices, the first opening at ``start``."""

    def make(rows: int, start: datetime = NOW - 100 * HOUR, seed: int = 1) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        index = pd.date_range(start, periods=rows, freq="1h", name="open_time").as_unit("us")
        closes = 1e4 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
        columns = {
            "open": closes * 0.999,
            "high": closes * 1.01,
            "low": closes * 0.99,
            "close": closes,
            "volume": random.random(rows) * 10,
        }
        return pd.DataFrame(columns, index=pd.DatetimeIndex(index, freq=None))

    return make


@pytest.fixture
def make_forecast() -> Callable[..., LoggedForecast]:
    """Logged forecasts of 24 steps with random arrays."""

    def make(
        cutoff: datetime = NOW, model_version: str = "1", market: Market = MARKET
    ) -> LoggedForecast:
        random = np.random.default_rng(int(cutoff.timestamp()))
        shape = (24, len(LEVELS))
        forecast = Forecast(
            market=market,
            cutoff=cutoff,
            close=1e4 / 3,
            mean=random.normal(1e4, 1, 24),
            quantiles=np.sort(random.normal(1e4, 1, shape)),
            baseline_quantiles=np.sort(random.normal(1e4, 1, shape)),
            model_version=model_version,
        )
        return LoggedForecast(forecast, cutoff, "coinbase:BTC-USD", None, simulated=False)

    return make
