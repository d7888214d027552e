"""A logged model must load with MLflow alone, where Tidecast is not installed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tidecast
from tidecast.forecasts import LEVELS
from tidecast.models import artefact
from tidecast.models.forecasting import to_prices
from tidecast.registry import Registry

LOAD_ELSEWHERE = """
import json, sys
sys.path = [path for path in sys.path if path not in ("", {checkout!r})]
import mlflow.pyfunc
import pandas as pd
model = mlflow.pyfunc.load_model("models:/tidecast-BTC-USD-1h@champion")
forecast = model.predict(model.input_example)
import tidecast
print(json.dumps({{
    "code": tidecast.__file__,
    "columns": list(forecast.columns),
    "step": forecast["step"].tolist(),
    "first_target": forecast["target_time"].iloc[0].isoformat(),
    "mean": forecast["mean"].tolist(),
    "q0.9": forecast["q0.9"].tolist(),
    "inputs": model.metadata.get_input_schema().input_names(),
}}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, migrated_database, market, fitted_folder, candles) -> Path:
    """One version with an input example, the champion."""
    home = tmp_path_factory.mktemp("logged")
    registry = Registry(f"sqlite:///{shutil.copy(migrated_database, home)}", home / "cache")
    registry.register(market, fitted_folder, parameters={}, metrics={}, example=candles.iloc[-5:])
    registry.point(market, "1")
    return home


@pytest.fixture(scope="module")
def logged(home: Path) -> Path:
    (model,) = home.glob("mlartifacts/*/artifacts/model")
    return model


def test_logged_model_forecasts_on_its_own(logged, home, fitted_folder, candles, tmp_path):
    checkout = str(Path(tidecast.__file__).parents[1])
    (tmp_path / "elsewhere").mkdir()
    ended = subprocess.run(
        [sys.executable, "-I", "-B", "-c", LOAD_ELSEWHERE.format(checkout=checkout)],
        cwd=tmp_path / "elsewhere",
        env={
            "PATH": "/usr/bin:/bin",
            "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    loaded = artefact.load(fitted_folder)
    means, quantiles = to_prices(loaded.calibration.apply(loaded.model.predict(candles)))
    assert seen["code"].startswith(str(logged))
    assert seen["columns"] == ["step", "target_time", "mean", *(f"q{x:g}" for x in LEVELS)]
    assert seen["step"] == [1, 2, 3, 4]
    assert seen["first_target"] == "2025-01-17T17:00:00"
    assert seen["mean"] == means[0].tolist()
    assert seen["q0.9"] == quantiles[0][:, LEVELS.index(0.9)].tolist()
    assert seen["inputs"] == ["open_time", "open", "high", "low", "close", "volume"]


def test_logged_model_holds_no_pickle(logged):
    files = [path for path in logged.rglob("*") if path.is_file()]
    suffixes = {path.suffix for path in files}
    assert suffixes <= {"", ".py", ".json", ".npz", ".txt", ".yaml"}
    assert "MLmodel" in {path.name for path in files}
    for path in files:
        assert not path.read_bytes().startswith((b"\x80\x04", b"\x80\x05")), path


def test_logged_model_carries_only_code_without_input_and_output(logged):
    shipped = {path.name for path in (logged / "code" / "tidecast").iterdir()}
    assert shipped == {
        "__init__.py",
        "errors.py",
        "timeframes.py",
        "price_returns.py",
        "price_jumps.py",
        "candles.py",
        "forecasts.py",
        "features",
        "models",
    }


def test_logged_arrays_need_no_pickle_to_read(logged):
    with np.load(logged / "artifacts" / "artefact" / "arrays.npz", allow_pickle=False) as arrays:
        assert "table" in {name: arrays[name] for name in arrays.files}
