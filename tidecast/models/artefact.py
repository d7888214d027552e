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
from tidecast.models.calibration import Calibration
from tidecast.models.model import Arrays, Model
from tidecast.timeframes import EPOCH, interval_length

FORMAT = 1
MANIFEST, ARRAYS, PARAMETERS, CALIBRATION = (
    "manifest.json",
    "arrays.npz",
    "parameters.json",
    "calibration.json",
)


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
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise ArtefactInvalid(
                f"{folder.name}: format {manifest['format']}, readable is {FORMAT}; train anew"
            )
        contents = {name: _verified(folder / name, manifest["sha256"][name]) for name in _FILES}
        with np.load(io.BytesIO(contents[ARRAYS]), allow_pickle=False) as stored:
            arrays: Arrays = {name: stored[name] for name in stored.files}
        model = CLASSES[manifest["model"]].from_state(json.loads(contents[PARAMETERS]), arrays)
        calibration = Calibration.from_json(contents[CALIBRATION].decode())
        facts = dict(manifest["facts"])
        _try_out(model, calibration)
    except _DAMAGE as error:
        raise ArtefactInvalid(f"{folder.name}: {error!r}; train anew or roll back") from error
    return Artefact(model, calibration, facts)


_FILES = (ARRAYS, PARAMETERS, CALIBRATION)
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
    model.predict(pd.DataFrame(dict.fromkeys(COLUMNS, price), index=index))


def _verified(path: Path, expected: str) -> bytes:
    content = path.read_bytes()
    if _digest(content) != expected:
        raise ArtefactInvalid(f"{path.name} of {path.parent.name} is damaged: its SHA-256 differs")
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
