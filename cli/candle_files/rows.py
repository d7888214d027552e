"""Rows of a table as times and numbers, and why a row has none."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cli.candle_files.columns import Columns
from cli.candle_files.numeric import read_numbers
from cli.candle_files.table import Table
from cli.candle_files.times import Times, join_date_and_clock, read_times
from tidecast.candles import COLUMNS
from tidecast.forecasts import Floats


@dataclass(frozen=True)
class Rows:
    """All rows of a file, in its order.

    Attributes:
        times: their times.
        values: ``COLUMNS``, shape ``(n, 5)``, volume in base coin.
        empty: rows without any price: a missing candle, or a note below the table.
        reasons: why a row cannot be read, "" where it can.
    """

    times: Times
    values: Floats
    empty: np.ndarray
    reasons: np.ndarray

    @property
    def readable(self) -> np.ndarray:
        """Rows that may be candles."""
        return np.asarray((self.reasons == "") & ~self.empty)

    def frame(self) -> pd.DataFrame:
        """The readable rows with their times as index."""
        index = self.times.moments[self.readable].rename("open_time")
        return pd.DataFrame(self.values[self.readable], index=index, columns=list(COLUMNS))


def read_rows(table: Table, columns: Columns) -> Rows:
    """Interpret the columns that matter.

    Raises:
        InvalidParameter: day and month of its dates cannot be told apart.
    """
    times = _read_times(table, columns)
    positions = (*columns.prices, columns.volume.column)
    values = np.zeros((len(table), len(COLUMNS)))
    reasons = times.reasons.copy()
    written = np.zeros(len(table), bool)
    for number, (name, position) in enumerate(zip(COLUMNS, positions, strict=True)):
        if position is None:
            continue
        numbers = read_numbers(table.columns[position])
        values[:, number] = numbers.values
        reasons[numbers.unreadable & (reasons == "")] = f"{name} is not a number"
        written |= numbers.unreadable
    if columns.volume.unit == "quote":
        with np.errstate(divide="ignore", invalid="ignore"):
            values[:, 4] /= values[:, 3]
    empty = np.isnan(values[:, :4]).all(axis=1) & ~written
    return Rows(times, values, empty, reasons)


def _read_times(table: Table, columns: Columns) -> Times:
    column = table.columns[columns.time]
    if columns.clock is not None:
        column = join_date_and_clock(column, table.columns[columns.clock])
    return read_times(column)
