"""What was understood in a file, as JSON and as lines for people."""

from typing import Any

import pandas as pd

from cli.candle_files.columns import Columns
from cli.candle_files.reader import CandleFile
from cli.candle_files.spacing import distance_name, order_name, usual_distance
from cli.candle_files.table import Table
from tidecast.evaluation.refused_rows import refused_rows
from tidecast.timeframes import format_rfc3339

LEFT_OUT = {
    "duplicates": "exact duplicates",
    "unfinished": "unfinished candles",
    "empty_rows": "rows without prices",
}

MAX_TURNOVER = 1e13
"""No market in dollars or euros comes near this in a day; in dong or rupiah one may."""


def summary(file: CandleFile) -> dict[str, Any]:
    """Everything about a file that was read, JSON-able."""
    index = pd.DatetimeIndex(file.candles.index)
    distance = usual_distance(index)
    return {
        "format": file.table.format,
        "skipped_lines": file.table.skipped_lines,
        "layout": None if file.layout is None else file.layout.name,
        "rows": len(file.table),
        "order": order_name(file.rows.times.moments[file.rows.readable]),
        "time": {
            "column": _time_name(file.table, file.columns),
            "read_as": file.rows.times.kind,
            "zone": file.rows.times.zone,
            "stamped": file.stamped.value,
        },
        "spacing": None if distance is None else distance_name(distance),
        "first": format_rfc3339(index[0].to_pydatetime()),
        "last": format_rfc3339(index[-1].to_pydatetime()),
        "volume": _volume_text(file),
        "candles": len(file.candles),
        "clamped": file.clamped,
        "duplicates": file.duplicates,
        "unfinished": file.unfinished,
        "empty_rows": int(file.rows.empty.sum()),
        "refused": refused_rows(file.refused),
    }


def describe(facts: dict[str, Any]) -> list[str]:
    """Lines for people about a summary."""
    time = facts["time"]
    skipped = facts["skipped_lines"]
    after = f", lines before the header: {skipped}" if skipped else ""
    layout = f", columns {facts['layout']}" if facts["layout"] else ""
    spacing = f", {facts['spacing']} apart" if facts["spacing"] else ""
    lines = [
        f"{facts['format']}{after}{layout}: {facts['rows']:,} rows, {facts['order']}",
        f"time: {time['column']}, {time['read_as']}, {time['zone']}, "
        f"when a candle {time['stamped']}s",
        f"volume: {facts['volume']}",
        f"candles: {facts['candles']:,} from {facts['first']} to {facts['last']}{spacing}",
    ]
    left_out = [f"{facts[key]:,} {words}" for key, words in LEFT_OUT.items() if facts[key]]
    if left_out:
        lines.append(f"left out: {', '.join(left_out)}")
    if facts["clamped"]:
        lines.append(f"high or low corrected by a rounding error: {facts['clamped']:,} candles")
    return lines + refused_lines(facts["refused"])


def refused_lines(refused: dict[str, Any]) -> list[str]:
    """How many rows were refused, and one line per reason."""
    if not refused["rows"]:
        return []
    return [
        f"refused: {refused['rows']:,} rows",
        *(
            f"  {reason['rows']:,} x {reason['reason']}, e.g. {reason['example']}"
            for reason in refused["reasons"]
        ),
    ]


def _time_name(table: Table, columns: Columns) -> str:
    clock = "" if columns.clock is None else f" and {table.name(columns.clock)}"
    return table.name(columns.time) + clock


def _volume_text(file: CandleFile) -> str:
    volume = file.columns.volume
    if volume.column is None:
        return "no column, 0 for every candle"
    unit = "base coin" if volume.unit == "base" else "quote currency, divided by the close"
    turnover = float((file.candles["volume"] * file.candles["close"]).median())
    doubt = f"; {turnover:.0e} of turnover per candle: is it in quote currency?"
    return f"{file.table.name(volume.column)}, {unit}" + (doubt if turnover > MAX_TURNOVER else "")
