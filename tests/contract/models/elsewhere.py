"""Run by the tests in a process of its own: load every artefact, fit anew, tell digests of both.

Arguments: a folder with ``market.parquet`` and one artefact folder per model, and a number of rows.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tidecast.models import catalogue
from tidecast.models.artefact import load
from tidecast.models.model import Model

CUTOFFS = 8
"""Newest cutoffs whose forecasts are compared."""


def digest(model: Model, candles: pd.DataFrame) -> str:
    """SHA-256 of the numbers of a model at the newest cutoffs."""
    cutoffs = pd.DatetimeIndex(candles.index[-CUTOFFS:] + pd.Timedelta(hours=1))
    forecasts = model.predict(candles, cutoffs)
    parts = (forecasts.close, forecasts.center, forecasts.quantiles)
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    ).hexdigest()


def main(folder: Path, rows: int) -> None:
    """Print digests of the loaded and of newly fitted models, and what was unpickled on loading.

    The fits use two threads.
    """
    candles = pd.read_parquet(folder / "market.parquet")
    unpickled: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "pickle.find_class":
            unpickled.append(str(arguments))

    sys.addaudithook(watch)
    models = {name: load(folder / name).model for name in catalogue.CLASSES}
    watching = False
    newest = candles.iloc[-rows:]
    anew = {name: catalogue.fit(name, newest, "1h", 24, threads=2) for name in models}
    answer = {
        "unpickled": unpickled,
        "loaded": {name: digest(model, candles) for name, model in models.items()},
        "fitted": {name: digest(model, candles) for name, model in anew.items()},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
