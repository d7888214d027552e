"""A file as a table: columns with the texts of their headers, values not yet interpreted."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tidecast.errors import InvalidParameter

FORMATS = "Parquet, Feather, or CSV (also .gz or .zip) with open time, open, high, low, close"
PARQUET, FEATHER = b"PAR1", (b"ARROW1", b"FEA1")

Label = tuple[str, ...]
"""Texts above one column; more than one where the header has several rows."""


@dataclass(frozen=True)
class Table:
    """Columns of a file.

    Attributes:
        format: what the file is, for people: ``CSV with ;``.
        labels: one per column; None when the file has no header.
        columns: equally long series with the index 0, 1, 2, ...
        skipped_lines: lines before the header.
    """

    format: str
    labels: list[Label] | None
    columns: list[pd.Series]
    skipped_lines: int = 0

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def header(self, column: int) -> str:
        """Texts above a column, or its number."""
        words = "" if self.labels is None else " ".join(filter(None, self.labels[column]))
        return words or f"column {column + 1}"

    def name(self, column: int) -> str:
        """What to call a column in a message: quoted where the file names it."""
        header = self.header(column)
        return repr(header) if self.labels is not None and any(self.labels[column]) else header

    def row_text(self, row: int) -> dict[str, str | None]:
        """One row as it is in the file, None where a cell is empty."""
        cells = (
            (self.header(number), column.iloc[row]) for number, column in enumerate(self.columns)
        )
        return {header: None if pd.isna(cell) else str(cell) for header, cell in cells}


def invalid_file(path: Path, message: str, allowed: str = FORMATS) -> InvalidParameter:
    """Error about a file as a whole."""
    return InvalidParameter(f"{path}: {message}", field="file", allowed=allowed)


def read_table(path: Path) -> Table:
    """Read a file by its content; its name does not matter.

    Raises:
        InvalidParameter: it cannot be read, or is not a table.
    """
    # Without this check, opening a FIFO waits for a writer.
    if not path.is_file():
        reason = "not a regular file" if path.exists() else "no such file"
        raise invalid_file(path, f"cannot read it: {reason}")
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(PARQUET):
            return _from_frame(pd.read_parquet(path), "Parquet")
        if start.startswith(FEATHER):
            return _from_frame(pd.read_feather(path), "Feather")
    except (OSError, ValueError, KeyError, pa.ArrowException) as e:
        reason = str(e).partition("\n")[0]
        raise invalid_file(path, f"cannot read it: {reason}") from e
    from cli.candle_files.text import read_text

    return read_text(path, start)


def _from_frame(frame: pd.DataFrame, name: str) -> Table:
    """Index levels become columns, because people save the time as an index."""
    labels: list[Label] = []
    columns: list[pd.Series] = []
    if not isinstance(frame.index, pd.RangeIndex):
        for level in range(frame.index.nlevels):
            values = frame.index.get_level_values(level)
            # As the CSV of such a frame has it: names of header rows stand above the index.
            above = frame.columns.names if frame.columns.nlevels > 1 else ()
            labels.append(_label((*above, values.name)))
            columns.append(pd.Series(values))
    for position, label in enumerate(frame.columns):
        labels.append(_label(label))
        columns.append(frame.iloc[:, position])
    return Table(name, labels, [column.reset_index(drop=True) for column in columns])


def _label(name: object) -> Label:
    parts = name if isinstance(name, tuple) else (name,)
    return tuple("" if part is None else str(part) for part in parts)
