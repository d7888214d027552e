"""From a file to candles, and to an account of what was understood and what was refused."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from cli.candle_files.columns import Columns, find_columns
from cli.candle_files.layouts import Layout, find_layout
from cli.candle_files.rows import Rows, read_rows
from cli.candle_files.spacing import check_grid, check_interval, open_times
from cli.candle_files.table import Table, invalid_file, read_table
from cli.options import Stamped
from tidecast.candles import Quarantined, validate
from tidecast.errors import CandlesRefused, InvalidParameter
from tidecast.evaluation.refused_rows import refused_rows

MAX_REFUSED_SHARE = 0.5
"""Share of the rows that may be refused, rows that are left out not counted.

Beyond it the file is not what it was read as, for example days of a zone with summer time, and the
rows that fit by chance are no history."""


@dataclass(frozen=True)
class CandleFile:
    """A candle file and how it was understood.

    Attributes:
        candles: candle frame.
        refused: rows that are no candles, with their reasons.
        table, layout, columns, rows: the steps on the way; ``layout`` is None with a header.
        stamped: what its times are the times of.
        duplicates: rows that repeat another one exactly.
        unfinished: candles that had not ended yet.
        clamped: candles whose high or low was off by a rounding error.
    """

    candles: pd.DataFrame
    refused: list[Quarantined]
    table: Table
    layout: Layout | None
    columns: Columns
    rows: Rows
    stamped: Stamped
    duplicates: int
    unfinished: int
    clamped: int


def read_candles(
    path: Path,
    interval: str,
    now: datetime,
    *,
    symbol: str | None = None,
    stamped: Stamped = Stamped.OPEN,
) -> CandleFile:
    """Read a file of candles as of ``now``.

    Args:
        path: Parquet, Feather or delimited text, told apart by content.
        interval: of the candles.
        now: candles that end later are unfinished and left out.
        symbol: ``BTC-USD``, where it is known: it tells the volume columns apart.
        stamped: what the times in the file are the times of.

    Raises:
        InvalidParameter: the file cannot be read, or not without guessing.
        CandlesRefused: no row of it is a candle, or more than ``MAX_REFUSED_SHARE`` are refused.
    """
    table = read_table(path)
    try:
        return _read(table, interval, now, symbol, stamped)
    except InvalidParameter as e:
        allowed = e.allowed if isinstance(e.allowed, str) else ", ".join(e.allowed)
        raise invalid_file(path, str(e), allowed) from e
    except CandlesRefused as e:
        raise CandlesRefused(f"{path}: {e}") from e


def _read(
    table: Table, interval: str, now: datetime, symbol: str | None, stamped: Stamped
) -> CandleFile:
    if not len(table):
        raise CandlesRefused("it has no rows")
    layout, columns = _understand(table, symbol)
    rows = read_rows(table, columns)
    raw = rows.frame()
    times = pd.DatetimeIndex(raw.index)
    check_interval(times, interval)
    raw.index = open_times(times, interval, stamped)
    check_grid(pd.DatetimeIndex(raw.index), interval)
    raw = raw[~raw.reset_index().duplicated().to_numpy()]
    # The only call of validate() for a file, which is a history and not a live feed.
    good, suspicious = validate(raw, interval, now, history=True)
    refused = _unreadable_rows(table, rows) + suspicious
    _check_refused(len(table), len(good), refused)
    return CandleFile(
        candles=good,
        refused=refused,
        table=table,
        layout=layout,
        columns=columns,
        rows=rows,
        stamped=stamped,
        duplicates=len(times) - len(raw),
        unfinished=len(raw) - len(good) - len(suspicious),
        clamped=_clamped(raw, good),
    )


def _understand(table: Table, symbol: str | None) -> tuple[Layout | None, Columns]:
    return find_layout(table) if table.labels is None else (None, find_columns(table, symbol))


def _unreadable_rows(table: Table, rows: Rows) -> list[Quarantined]:
    refused = []
    for row in np.flatnonzero((rows.reasons != "") & ~rows.empty).tolist():
        moment = rows.times.moments[row]
        open_time = None if pd.isna(moment) else moment.to_pydatetime()
        refused.append(
            Quarantined(open_time, json.dumps(table.row_text(row)), str(rows.reasons[row]))
        )
    return refused


def _check_refused(rows: int, good: int, refused: list[Quarantined]) -> None:
    """Refuse a file of ``rows`` rows without candles, or with too many rows that are none."""
    if not good and not refused:
        raise CandlesRefused(f"none of its {rows:,} rows is a finished candle with prices")
    if not good:
        raise CandlesRefused(f"none of its {rows:,} rows is a candle: {_listed(refused)}")
    read = good + len(refused)
    if len(refused) > MAX_REFUSED_SHARE * read:
        raise CandlesRefused(
            f"{len(refused):,} of {read:,} rows are refused, "
            f"more than {MAX_REFUSED_SHARE:.0%}: {_listed(refused)}"
        )


def _listed(refused: list[Quarantined]) -> str:
    """Every reason with its count and an example, the commonest first."""
    return "; ".join(
        f"{reason['rows']:,} x {reason['reason']}, e.g. {reason['example']}"
        for reason in refused_rows(refused)["reasons"]
    )


def _clamped(raw: pd.DataFrame, good: pd.DataFrame) -> int:
    """Good candles that validate() changed."""
    same = raw[~raw.index.duplicated()].reindex(good.index)
    return int((same.to_numpy() != good[same.columns].to_numpy()).any(axis=1).sum())
