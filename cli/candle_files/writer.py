"""Write candles as `read_candles` reads them without any assumption."""

from pathlib import Path

import pandas as pd


def write_candles(frame: pd.DataFrame, path: Path) -> None:
    """Write a candle frame as Parquet: ``timestamp`` (open time, UTC) and the five values."""
    table = frame.rename_axis("timestamp").reset_index()
    table.to_parquet(path, index=False, compression="zstd")
