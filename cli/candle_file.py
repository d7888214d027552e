"""Candle files: Parquet with timestamp (open time, UTC), open, high, low, close and volume.

This is the form of many public data sets, and the only one that Tidecast reads and writes.
"""

from datetime import datetime
from pathlib import Path

import pandas as pd

from tidecast.candles import COLUMNS, Quarantined, validate
from tidecast.errors import InvalidParameter

TIMESTAMP = "timestamp"
SHAPE = f"Parquet with the columns {TIMESTAMP} (open time, UTC), {', '.join(COLUMNS)}"


def read_candles(
    path: Path, interval: str, now: datetime
) -> tuple[pd.DataFrame, list[Quarantined]]:
    """Candle frame of a file as of ``now``, and the rows that were refused.

    Raises:
        InvalidParameter: there is no such file, or it has another shape.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as e:
        raise InvalidParameter(f"cannot read {path}: {e}", field="file", allowed=SHAPE) from e
    missing = [name for name in (TIMESTAMP, *COLUMNS) if name not in table.columns]
    if missing:
        raise InvalidParameter(
            f"{path} has no column {', '.join(missing)}", field="file", allowed=SHAPE
        )
    if not isinstance(table[TIMESTAMP].dtype, pd.DatetimeTZDtype):
        raise InvalidParameter(
            f"{TIMESTAMP} of {path} has no time zone", field="file", allowed=SHAPE
        )
    raw = table.set_index(pd.DatetimeIndex(table[TIMESTAMP]).tz_convert("UTC"))
    try:
        return validate(raw, interval, now)
    except (ValueError, TypeError) as e:
        raise InvalidParameter(f"{path}: {e}", field="file", allowed=SHAPE) from e


def write_candles(frame: pd.DataFrame, path: Path) -> None:
    """Write a candle frame."""
    frame.rename_axis(TIMESTAMP).reset_index().to_parquet(path, index=False, compression="zstd")
