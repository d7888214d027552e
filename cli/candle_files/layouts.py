"""Files without a header: the orders of columns in which exchanges write candles."""

from dataclasses import dataclass

import numpy as np

from cli.candle_files.columns import Columns
from cli.candle_files.numeric import read_numbers
from cli.candle_files.table import Table
from cli.candle_files.volume_columns import Volume
from tidecast.errors import InvalidParameter

MIN_SHARE = 0.99
"""Share of the rows in which low is lowest and high is highest, for an order to be right."""


@dataclass(frozen=True)
class Layout:
    """An order of columns after the time, as positions of open, high, low, close, volume."""

    name: str
    width: int
    positions: tuple[int, int, int, int, int]


LAYOUTS = (
    Layout("time, open, high, low, close, volume (ccxt)", 6, (1, 2, 3, 4, 5)),
    Layout("time, low, high, open, close, volume (Coinbase)", 6, (3, 2, 1, 4, 5)),
    Layout("time, open, close, high, low, volume (Bitfinex)", 6, (1, 3, 4, 2, 5)),
    Layout("time, open, high, low, close, volume, trades (Kraken OHLCVT)", 7, (1, 2, 3, 4, 5)),
    Layout("time, open, close, high, low, volume, turnover (KuCoin)", 7, (1, 3, 4, 2, 5)),
    Layout("time, open, high, low, close, vwap, volume, count (Kraken)", 8, (1, 2, 3, 4, 6)),
    Layout(
        "open time, open, high, low, close, volume, close time, ... (Binance)", 12, (1, 2, 3, 4, 5)
    ),
)


def find_layout(table: Table) -> tuple[Layout, Columns]:
    """The one layout that fits a table without a header.

    Raises:
        InvalidParameter: none or several fit.
    """
    candidates = [layout for layout in LAYOUTS if layout.width == len(table.columns)]
    fitting = [layout for layout in candidates if _fits(table, layout)]
    if len(fitting) != 1:
        names = "; ".join(layout.name for layout in fitting) or "none of the known orders"
        raise InvalidParameter(
            f"{len(table.columns)} columns without a header; fits: {names}",
            field="file",
            allowed="a header line timestamp,open,high,low,close,volume",
        )
    opens, highs, lows, closes, volume = fitting[0].positions
    return fitting[0], Columns(0, None, (opens, highs, lows, closes), Volume(volume))


def _fits(table: Table, layout: Layout) -> bool:
    opens, highs, lows, closes, _ = (
        read_numbers(table.columns[position]).values for position in layout.positions
    )
    ordered = (np.fmin(opens, closes) >= lows) & (np.fmax(opens, closes) <= highs)
    return bool(ordered.mean() >= MIN_SHARE)
