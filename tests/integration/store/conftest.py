"""Stores to test against: SQLite in a file, and PostgreSQL from a server that the tests start."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest

from tidecast.forecasts import LEVELS, Forecast
from tidecast.store import LoggedForecast, Store
from tidecast.store.tables import metadata
from tidecast.timeframes import Market

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKET = Market("BTC-USD", "1h")
START_TIMEOUT_SECONDS = 30


class PostgresServer:
    """A server of our own on a free loopback port, without fsync, run by an unprivileged user."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._user = _unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        if self._user is not None:
            os.chown(folder, self._user, -1)
        command = [binaries / "initdb", "-D", folder / "data", "-U", "tidecast", "-A", "trust"]
        subprocess.run(
            [*command, "--no-sync", "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=folder,
        )

    def start(self) -> None:
        options = ["-p", str(self.port), "-h", "127.0.0.1", "-k", "", "-F"]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self._folder,
            )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends the sessions and saves all, SIGQUIT drops everything."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_TIMEOUT_SECONDS)
            self._process = None

    def url(self, database: str) -> str:
        return f"postgresql://tidecast:hidden@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """URL of a new, empty database."""
        name = f"test_{next(self._names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _unprivileged_user() -> int | None:
    """User to run the server as: initdb refuses root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _find_binaries() -> Path | None:
    on_path = [Path(found).parent for found in [shutil.which("initdb")] if found]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=str, reverse=True)
    for folder in (*on_path, *debian):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = _find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: initdb is neither in PATH nor in /usr/lib/postgresql/*/bin")
    folder = Path(tempfile.mkdtemp(prefix="tidecast-postgres-"))
    server = PostgresServer(binaries, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder)


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
