"""Which column is which, by its header."""

import re
from dataclasses import dataclass

from cli.candle_files.table import Table
from cli.candle_files.volume_columns import Volume, find_volume
from tidecast.errors import InvalidParameter

OPEN_TIMES = (
    "opentime",
    "timeopen",
    "timeperiodstart",
    "timestamp",
    "datetime",
    "datetimeutc",
    "unix",
    "unixtime",
    "unixtimestamp",
    "epoch",
    "ts",
    "mts",
    "starttime",
    "startat",
    "start",
    "gmttime",
    "date",
    "dateutc",
    "time",
    "timeutc",
    "dt",
    "t",
    "index",
)
"""Names of the open time, the clearest first: the first that is there is taken."""
CLOSE_TIMES = ("closetime", "timeclose", "endtime", "timeperiodend")
PRICE_NAMES = {
    "open": ("open", "o", "openprice", "priceopen"),
    "high": ("high", "h", "highprice", "pricehigh"),
    "low": ("low", "l", "lowprice", "pricelow"),
    "close": ("close", "c", "closeprice", "priceclose", "closelast"),
}
SYMBOLS = ("symbol", "ticker", "pair", "market", "instrument", "productid")
ALIASES = {"BTC": ("BTC", "XBT"), "DOGE": ("DOGE", "XDG")}
CLOCK = re.compile(r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$")


@dataclass(frozen=True)
class Columns:
    """Positions of the columns; ``clock`` is the hour where ``time`` holds only the day."""

    time: int
    clock: int | None
    prices: tuple[int, int, int, int]
    volume: Volume


def plain_name(text: str) -> str:
    """A header without case, spaces and punctuation."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def names_of(table: Table) -> list[set[str]]:
    """Plain names of every column; several where the header has several rows."""
    return [{plain_name(text) for text in label} for label in table.labels or []]


def find_columns(table: Table, symbol: str | None) -> Columns:
    """Find the columns of a table with a header.

    Args:
        table: the table.
        symbol: of the market that the candles are for, ``BTC-USD``.

    Raises:
        InvalidParameter: a column is missing, there are two of a kind, or the file is about
            another or several symbols.
    """
    names = names_of(table)
    base = _base(table, names, symbol)
    time = _time_column(table, names)
    prices = [_one_of(table, names, options) for options in PRICE_NAMES.values()]
    missing = [name for name, column in zip(PRICE_NAMES, prices, strict=True) if column is None]
    if missing:
        raise InvalidParameter(
            f"no column for {', '.join(missing)} among {_shown(table)}",
            field="file",
            allowed="headers open, high, low, close in any case",
        )
    opens, highs, lows, closes = (column for column in prices if column is not None)
    return Columns(
        time,
        _clock_column(table, names, time),
        (opens, highs, lows, closes),
        find_volume(table, names, base, symbol),
    )


def _time_column(table: Table, names: list[set[str]]) -> int:
    found = _one_of(table, names, OPEN_TIMES)
    if found is not None:
        return found
    if names[0] == {""}:
        return 0  # An index that pandas saved without a name.
    closes = _one_of(table, names, CLOSE_TIMES)
    detail = "" if closes is None else f"; {table.name(closes)} is when a candle ends"
    raise InvalidParameter(
        f"no column for the open time among {_shown(table)}{detail}",
        field="file",
        allowed="a header open_time, timestamp, datetime, date, time or unix",
    )


def _clock_column(table: Table, names: list[set[str]], time: int) -> int | None:
    """Column with the hour, of a file that has day and hour apart."""
    if not names[time] & {"date"}:
        return None
    found = _one_of(table, names, ("time",))
    if found is None:
        return None
    values = table.columns[found].dropna().astype(str)
    return found if len(values) and values.str.match(CLOCK).all() else None


def _one_of(table: Table, names: list[set[str]], options: tuple[str, ...]) -> int | None:
    """Position of the first option that is a header."""
    for option in options:
        found = [column for column, words in enumerate(names) if option in words]
        first = table.columns[found[0]] if found else None
        if first is not None and not all(table.columns[other].equals(first) for other in found):
            shown = ", ".join(table.name(column) for column in found)
            raise InvalidParameter(
                f"{len(found)} columns are named {option}: {shown}",
                field="file",
                allowed="one column of each kind, and one market in a file",
            )
        if found:
            return found[0]
    return None


def _base(table: Table, names: list[set[str]], symbol: str | None) -> tuple[str, ...]:
    """Names of the base coin; refuses a file about another one."""
    base = "" if symbol is None else symbol.partition("-")[0].upper()
    aliases = ALIASES.get(base, (base,))
    column = _one_of(table, [words if len(words) == 1 else set() for words in names], SYMBOLS)
    if column is None:
        return aliases
    found = sorted(set(table.columns[column].dropna().astype(str)))
    if len(found) > 1:
        raise InvalidParameter(
            f"{len(found)} markets in one file: {', '.join(found[:5])}",
            field="file",
            allowed="one market in a file",
        )
    if found and base and not _is_about(found[0].upper(), aliases):
        raise InvalidParameter(
            f"the file is about {found[0]!r}, the market is {symbol}",
            field="file",
            allowed=f"candles of {base}",
        )
    return aliases


def _is_about(text: str, aliases: tuple[str, ...]) -> bool:
    first = re.split(r"[^A-Z0-9]", text)[0]
    return first in aliases if first != text else any(alias in text for alias in aliases)


def _shown(table: Table) -> str:
    return ", ".join(table.name(column) for column in range(len(table.columns))[:15])
