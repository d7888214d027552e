"""Numbers of a column, whatever holds them: floats, text, decimals, nullable numbers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from tidecast.forecasts import Floats


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        values: float64, NaN where there is no number.
        unreadable: True where something is written that is not a number.
    """

    values: Floats
    unreadable: np.ndarray


def to_number(value: object) -> float | None:
    """A number, exactly as written; None for anything else."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def read_numbers(column: pd.Series) -> Numbers:
    """Numbers of a column; text is parsed with Python's float, which rounds correctly."""
    if is_numeric_dtype(column.dtype):
        values = column.to_numpy(np.float64, na_value=np.nan)
        return Numbers(values, np.zeros(len(values), bool))
    numbers = [to_number(value) for value in column.tolist()]
    values = np.array([np.nan if number is None else number for number in numbers], np.float64)
    missing = column.isna().to_numpy()
    return Numbers(values, np.array([number is None for number in numbers], bool) & ~missing)
