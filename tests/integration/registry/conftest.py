import contextlib
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tidecast.models import artefact, catalogue
from tidecast.models.calibration import Calibration
from tidecast.registry import Registry
from tidecast.registry.writing import Writer
from tidecast.timeframes import Market

HORIZON = 4
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow's database says where artefacts are."""


@pytest.fixture(scope="session")
def market() -> Market:
    return Market("BTC-USD", "1h")


@pytest.fixture(scope="session")
def candles() -> pd.DataFrame:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, 400)))
    index = pd.date_range("2025-01-01", periods=400, freq="h", tz="UTC", name="open_time")
    frame = {name: closes for name in ("open", "high", "low", "close")}
    return pd.DataFrame({**frame, "volume": 1.0}, index=index.as_unit("us"))


@pytest.fixture(scope="session")
def fitted_folder(tmp_path_factory: pytest.TempPathFactory, candles: pd.DataFrame) -> Path:
    model = catalogue.fit("random_walk", candles, "1h", HORIZON)
    folder = tmp_path_factory.mktemp("artefact") / "fitted"
    artefact.save(folder, model, Calibration.initial(HORIZON), {"trained_at": "2025-01-17"})
    return folder


@pytest.fixture
def artefact_folder(tmp_path: Path, fitted_folder: Path) -> Path:
    return shutil.copytree(fitted_folder, tmp_path / "fitted")


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: its migrations take a second."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Writer(f"sqlite:///{path}").prepare()
    return path


@pytest.fixture(scope="session")
def filled_folder(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path, fitted_folder: Path
) -> Path:
    """Three versions of BTC-USD:1h, the last one the challenger, no champion."""
    folder = tmp_path_factory.mktemp("filled")
    path = shutil.copy(migrated_database, folder)
    registry = Registry(f"sqlite:///{path}", folder / "cache")
    for _ in range(3):
        registry.register(
            Market("BTC-USD", "1h"), fitted_folder, parameters={}, metrics={"crps": 0.5}
        )
    return folder


@pytest.fixture
def filled_uri(tmp_path: Path, filled_folder: Path) -> str:
    """A copy that shares nothing with the original."""
    folder = shutil.copytree(filled_folder, tmp_path / "filled")
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database:
        for table, column in PLACES:
            statement = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(statement, (str(filled_folder), str(folder)))
        database.commit()
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture
def filled(tmp_path: Path, filled_uri: str) -> Registry:
    return Registry(filled_uri, tmp_path / "cache")


@pytest.fixture
def tracking_uri(tmp_path: Path, migrated_database: Path) -> str:
    (tmp_path / "mlflow").mkdir()
    shutil.copy(migrated_database, tmp_path / "mlflow" / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"


@pytest.fixture
def registry(tmp_path: Path, tracking_uri: str) -> Registry:
    return Registry(tracking_uri, tmp_path / "cache")
