import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidecast.models import artefact
from tidecast.models.baselines import RandomWalk
from tidecast.models.calibration import Calibration
from tidecast.registry import Registry
from tidecast.registry.writing import Writer
from tidecast.settings import Settings, TrainingSettings
from tidecast.store import Promotion, Store
from tidecast.timeframes import Market
from training.promotion import promote
from training.run import TrainingOutcome, train_market

MARKET = Market("BTC-USD", "1h")
HORIZON = 4
CANDLES = 2400
END = datetime(2025, 2, 20, tzinfo=UTC)
START = END - timedelta(hours=CANDLES)
NOW = END + timedelta(minutes=5)
SOUND, TOO_WIDE = ("1", "2", "3"), "4"
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow's database says where artefacts are."""


@pytest.fixture(scope="session")
def candles() -> pd.DataFrame:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, CANDLES)))
    index = pd.date_range(START, periods=CANDLES, freq="h", name="open_time").as_unit("us")
    prices = {name: closes for name in ("open", "high", "low", "close")}
    return pd.DataFrame({**prices, "volume": 1.0}, index=index)


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory, candles: pd.DataFrame) -> Path:
    """Databases of the store, with candles, and of MLflow, made once."""
    home = tmp_path_factory.mktemp("home")
    with Store(f"sqlite:///{home / 'tidecast.db'}") as store:
        store.migrate()
        store.candles.upsert(MARKET, candles, "replay:BTC-USD", lambda: START)
    Writer(f"sqlite:///{home / 'mlflow.db'}").prepare()
    return home


@dataclass
class Workshop:
    """Store, registry and settings below one folder, at the instant ``NOW``."""

    home: Path
    store: Store
    registry: Registry
    settings: Settings
    now = NOW

    def train(self, **changes: Any) -> TrainingOutcome:
        wanted = {"model": "random_walk", **changes}
        return train_market(self.store, self.registry, self.settings, MARKET, NOW, "test", **wanted)

    def register(
        self,
        model: RandomWalk,
        *,
        passed: bool | None = None,
        market: Market = MARKET,
        calibration: Calibration | None = None,
    ) -> str:
        folder = self.home / "drafts" / str(len(list(self.home.glob("drafts/*"))))
        facts = {"market": str(market), "trained_at": "2025-02-01T00:00:00Z"}
        artefact.save(folder, model, calibration or Calibration.initial(HORIZON), facts)
        verdict = None if passed is None else {"passed": passed, "reasons": ["so said the gate"]}
        return self.registry.register(MARKET, folder, parameters={}, metrics={}, verdict=verdict)

    def promote(self, version: str, **changes: Any) -> Promotion:
        wanted = {"now": NOW, "by": "tester", "reason": "test", **changes}
        return promote(self.store, self.registry, MARKET, version, **wanted)

    def champion(self) -> str | None:
        champion = self.registry.champion(MARKET)
        return None if champion is None else champion.version

    def record(self) -> list[tuple[str, str | None, str]]:
        """Promotions, oldest first: version, previous, reason."""
        history = self.store.promotions.history(MARKET)
        return [(row.version, row.previous, row.reason) for row in reversed(history)]

    def lose(self, version: str, name: str = "arrays.npz") -> None:
        """Delete a file of a version, where MLflow keeps it and in the cache."""
        kept = self.home / "mlartifacts" / self.registry.version(MARKET, version).run_id
        (kept / "artifacts" / "model" / "artifacts" / "artefact" / name).unlink()
        (self.home / "models" / "BTC-USD-1h" / version / name).unlink(missing_ok=True)


@contextlib.contextmanager
def opened(home: Path) -> Iterator[Workshop]:
    settings = Settings(
        home_dir=home,
        horizon=HORIZON,
        training=TrainingSettings(train_days=95, min_train_candles=500, judge_candles=100),
    )
    with Store(settings.store_url) as store:
        yield Workshop(home, store, Registry(settings.tracking_uri, home / "models"), settings)


@pytest.fixture
def workshop(tmp_path: Path, migrated_home: Path) -> Iterator[Workshop]:
    """Candles, and no model."""
    with opened(shutil.copytree(migrated_home, tmp_path / "home")) as workshop:
        yield workshop


@pytest.fixture(scope="session")
def stocked_home(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_home: Path,
    sound: RandomWalk,
    too_wide: RandomWalk,
) -> Path:
    home = shutil.copytree(migrated_home, tmp_path_factory.mktemp("stocked") / "home")
    with opened(home) as workshop:
        for _ in SOUND:
            workshop.register(sound, passed=True)
        workshop.register(too_wide, passed=False)
    return home


@pytest.fixture
def stocked(tmp_path: Path, stocked_home: Path) -> Iterator[Workshop]:
    """The versions ``SOUND`` that passed the gate, ``TOO_WIDE`` that did not, and no champion."""
    home = shutil.copytree(stocked_home, tmp_path / "home")
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as database:
        for table, column in PLACES:
            statement = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(statement, (str(stocked_home), str(home)))
        database.commit()
    with opened(home) as workshop:
        yield workshop


@pytest.fixture(scope="session")
def sound(candles: pd.DataFrame) -> RandomWalk:
    return RandomWalk.fit(candles, "1h", HORIZON)


@pytest.fixture(scope="session")
def too_wide(sound: RandomWalk) -> RandomWalk:
    """Its bands are three times too wide: valid, and clearly worse."""
    return replace(sound, table=3 * sound.table)
