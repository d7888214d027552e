"""A fitted model as a folder of JSON and arrays; loading it runs no code of its own.

``manifest.json`` names the format, the model, its facts and the SHA-256 of every other file.
"""

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tidecast.candles import COLUMNS
from tidecast.errors import ArtefactInvalid, InvalidParameter
from tidecast.forecasts import LEVELS
from tidecast.models.array_file import read_arrays
from tidecast.models.artifact_files import (
    ARRAYS,
    CALIBRATION,
    MANIFEST,
    PARAMETERS,
    max_bytes,
    read_file,
    read_verified,
)
from tidecast.models.calibration import Calibration
from tidecast.models.model import Arrays, Model
from tidecast.timeframes import EPOCH, interval_length

FORMAT = 2
"""Format 1 kept its trees as scikit-learn's own objects."""


@dataclass(frozen=True)
class Artefact:
    """What a folder held: the model, the calibration it starts with, and facts about the fit."""

    model: Model
    calibration: Calibration
    facts: dict[str, Any]


def save(folder: Path, model: Model, calibration: Calibration, facts: dict[str, Any]) -> None:
    """Write a model into a new or empty folder."""
    parameters, arrays = model.state()
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    contents = {
        ARRAYS: buffer.getvalue(),
        PARAMETERS: json.dumps(parameters, indent=1).encode(),
        CALIBRATION: calibration.to_json().encode(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    manifest = {
        "format": FORMAT,
        "model": model.name,
        "facts": facts,
        "sha256": {name: _digest(content) for name, content in contents.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))


def load(folder: Path) -> Artefact:
    """Read a model back.

    Whether its numbers are sane is for the check of each forecast to say.

    Raises:
        ArtefactInvalid: a file is missing, damaged, or of another format, or what the files hold
            is no model that can forecast.
    """
    # Imported here: it pulls in every library of every model, seconds that a reader of the cache
    # or of facts does not owe.
    from tidecast.models.catalogue import CLASSES

    try:
        content = read_file(folder / MANIFEST, max_bytes(MANIFEST))
        manifest = json.loads(content)
        if manifest["format"] != FORMAT:
            raise ArtefactInvalid(
                f"{folder.name}: format {manifest['format']}, readable is {FORMAT}; train again"
            )
        contents = read_verified(folder, content)
        arrays = read_arrays(contents[ARRAYS])
        model = CLASSES[manifest["model"]].from_state(json.loads(contents[PARAMETERS]), arrays)
        _check_names(model, arrays)
        calibration = Calibration.from_json(contents[CALIBRATION].decode())
        facts = dict(manifest["facts"])
        _try_out(model, calibration)
    except _DAMAGE as error:
        raise ArtefactInvalid(f"{folder.name}: {error!r}; train again or roll back") from error
    return Artefact(model, calibration, facts)


_DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    InvalidParameter,
    zipfile.BadZipFile,
    zlib.error,
)
"""What JSON, zip, NumPy and a model raise on contents that are not what they should be."""


def _try_out(model: Model, calibration: Calibration) -> None:
    """Forecast once from made-up candles: a missing column or table shows here, not in service."""
    if len(calibration.widening) != model.horizon:
        raise ValueError(f"{len(calibration.widening)} steps calibrated, not {model.horizon}")
    count, length = model.needed_candles, interval_length(model.interval)
    index = pd.date_range(EPOCH, periods=count, freq=length, name="open_time").as_unit("us")
    price = 1.0 + 0.01 * (np.arange(count) % 2)
    forecasts = model.predict(pd.DataFrame(dict.fromkeys(COLUMNS, price), index=index))
    expected = (1, model.horizon, len(LEVELS))
    if forecasts.quantiles.shape != expected:
        raise ValueError(f"it forecasts shape {forecasts.quantiles.shape}, not {expected}")


def _check_names(model: Model, arrays: Arrays) -> None:
    """What the model would not save again is no part of it."""
    unknown = set(arrays) - set(model.state()[1])
    if unknown:
        raise ValueError(f"unknown arrays: {', '.join(sorted(unknown))}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
