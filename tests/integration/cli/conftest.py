"""A home folder with candles of the sample and a champion, and a way to run commands in it."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.candle_files import read_candles
from cli.main import app
from cli.replaying import SAMPLE
from tidecast.registry import Registry
from tidecast.settings import load_settings, sqlite_url
from tidecast.store import Store
from tidecast.timeframes import Market
from training.run import train_market

NOW = datetime(2019, 6, 1, 0, 10, tzinfo=UTC)
MARKET = Market("BTC-USD", "1h")
CANDLES = 2400


@dataclass(frozen=True)
class Home:
    """A home folder and its environment."""

    folder: Path
    variables: dict[str, str]

    def run(self, *arguments: str) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(app, list(arguments), env=self.variables)

    def json(self, *arguments: str) -> Any:
        """What a command that must work prints with --json."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def store(self) -> Store:
        return Store(sqlite_url(self.folder / "tidecast.db"))


def variables_of(folder: Path) -> dict[str, str]:
    market = {"symbol": "BTC-USD", "sources": [{"exchange": "replay", "pair": "BTC-USD"}]}
    return {
        "TIDECAST_HOME_DIR": str(folder),
        "TIDECAST_MARKETS": json.dumps([market]),
        "TIDECAST_CLOCK__SIMULATED_AT": NOW.isoformat(),
        "TIDECAST_CLOCK__REAL_AT": datetime.now(UTC).isoformat(),
        "TIDECAST_INGESTION__FEAR_GREED": "false",
        "TIDECAST_INGESTION__MAX_ATTEMPTS": "1",
        "TIDECAST_TRAINING__JUDGE_CANDLES": "120",
    }


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, environment = list(root.handlers), root.level, dict(os.environ)
    for name in [name for name in os.environ if name.startswith("TIDECAST_")]:
        del os.environ[name]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture(scope="session")
def filled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles up to NOW, and a random walk as champion version 1."""
    folder = tmp_path_factory.mktemp("filled")
    patch = pytest.MonkeyPatch()
    for name, value in variables_of(folder).items():
        patch.setenv(name, value)
    settings = load_settings()
    patch.undo()
    candles = read_candles(SAMPLE, "1h", datetime.now(UTC)).candles
    candles = candles[candles.index <= NOW - timedelta(hours=1)].iloc[-CANDLES:]
    with Store(settings.store_url) as store:
        store.migrate()
        store.candles.upsert(MARKET, candles, "replay:BTC-USD", lambda: NOW)
        registry = Registry(settings.tracking_uri, folder / "models")
        outcome = train_market(store, registry, settings, MARKET, NOW, "test", model="random_walk")
    assert outcome.status == "promoted", outcome.detail
    return folder


@pytest.fixture
def home(tmp_path: Path, filled_folder: Path) -> Home:
    """Candles and a champion."""
    folder = tmp_path / "home"
    shutil.copytree(filled_folder, folder)
    return Home(folder, variables_of(folder))


@pytest.fixture
def empty_home(tmp_path: Path) -> Home:
    return Home(tmp_path / "empty", variables_of(tmp_path / "empty"))


@pytest.fixture
def sample_file(tmp_path: Path) -> Callable[[int], Path]:
    """A file with the oldest candles of the sample."""
    import pandas as pd

    def make(rows: int) -> Path:
        path = tmp_path / "candles.parquet"
        pd.read_parquet(SAMPLE).iloc[:rows].to_parquet(path)
        return path

    return make
