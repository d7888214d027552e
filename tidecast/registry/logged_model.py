"""Makes the folder that MLflow calls a model: artefact, script, code, signature, requirements."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

import tidecast
from tidecast.candles import COLUMNS
from tidecast.forecasts import LEVELS
from tidecast.registry.environment import quiet_mlflow

ARTEFACT_PATH = "artifacts/artefact"
"""Where the artefact lies inside the folder."""
_SCRIPT = Path(__file__).with_name("pyfunc_model.py")
_PURE_MODULES = (
    "__init__.py",
    "errors.py",
    "timeframes.py",
    "price_returns.py",
    "price_jumps.py",
    "candles.py",
    "forecasts.py",
)
_PURE_PACKAGES = ("features", "models")
_REQUIREMENTS = (
    "mlflow",
    "mlflow-skinny",
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "TA-Lib",
    "arch",
    "threadpoolctl",
)


def write_logged_model(folder: Path, artefact: Path, example: pd.DataFrame | None) -> None:
    """Write a model that ``mlflow.pyfunc.load_model`` loads without Tidecast being installed.

    Args:
        folder: new folder to write.
        artefact: folder made by ``tidecast.models.artefact.save``.
        example: candle frame that is enough for one forecast; stored as the input example.
    """
    parts = folder.with_name(f"{folder.name}-parts")
    code = _copy_code(parts / "code")
    shutil.copytree(artefact, parts / "artefact")
    with quiet_mlflow():
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(
            folder,
            python_model=str(_SCRIPT),
            artifacts={"artefact": str(parts / "artefact")},
            code_paths=[str(code)],
            signature=_signature(),
            input_example=None if example is None else _as_input(example),
            pip_requirements=_requirements(),
        )


def _copy_code(folder: Path) -> Path:
    source, target = Path(tidecast.__file__).parent, folder / "tidecast"
    target.mkdir(parents=True)
    for name in _PURE_MODULES:
        shutil.copy(source / name, target / name)
    for name in _PURE_PACKAGES:
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def _signature() -> object:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    candle = [ColSpec("datetime", "open_time"), *(ColSpec("double", name) for name in COLUMNS)]
    step = [ColSpec("long", "step"), ColSpec("datetime", "target_time"), ColSpec("double", "mean")]
    levels = [ColSpec("double", f"q{level:g}") for level in LEVELS]
    return ModelSignature(inputs=Schema([*candle]), outputs=Schema([*step, *levels]))


def _as_input(candles: pd.DataFrame) -> pd.DataFrame:
    """Candle frame in the shape of the signature."""
    index = pd.DatetimeIndex(candles.index)
    return candles.set_axis(index.tz_localize(None)).reset_index(names="open_time")


def _requirements() -> list[str]:
    installed = []
    for name in _REQUIREMENTS:
        try:
            installed.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return installed
