"""Reading the rows of an exchange: which field is what, and what is a number.

A value that is not a readable number refuses its row, with a reason, and never the page. A page
of which no row has the documented shape is refused as a whole.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tidecast.candles import Quarantined
from tidecast.errors import SourceAnswerInvalid
from tidecast.timeframes import EPOCH

Row = tuple[datetime, float, float, float, float, float]
"""Open time, open, high, low, close, volume in base coin."""

FIRST_TIME = datetime(2009, 1, 3, tzinfo=UTC)
"""No coin existed before; an earlier time was read in a wrong unit."""
LAST_TIME = datetime(2100, 1, 1, tzinfo=UTC)
"""A later time was read in a wrong unit."""

ROW_CHARACTERS = 500
"""How much of a refused row is kept."""

_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


class Unreadable(ValueError):
    """A value is not what it should be."""


class Misshapen(Unreadable):
    """A row has not the documented fields."""


def json_number(value: object) -> float:
    """A JSON number; text is refused.

    Raises:
        Unreadable: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{_short(value)} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise Unreadable("the number is too large") from None


def decimal_text(value: object) -> float:
    """A plain decimal number in text, as exchanges write exact prices, or a JSON number.

    Raises:
        Unreadable: it is something else.
    """
    if not isinstance(value, str):
        return json_number(value)
    if not _PLAIN_NUMBER.fullmatch(value):
        raise Unreadable(f"{_short(value)} is not a number")
    return float(value)


def unix_seconds(value: object) -> datetime:
    """Seconds since 1970 as a JSON number.

    Raises:
        Unreadable: it is no number, or in another unit.
    """
    return _since_epoch(json_number(value), "seconds")


def unix_seconds_text(value: object) -> datetime:
    """Seconds since 1970 as text.

    Raises:
        Unreadable: it is no number, or in another unit.
    """
    return _since_epoch(decimal_text(value), "seconds")


def unix_milliseconds(value: object) -> datetime:
    """Milliseconds since 1970 as a JSON number.

    Raises:
        Unreadable: it is no number, or in another unit.
    """
    return _since_epoch(json_number(value) / 1000, "milliseconds")


def iso_time(value: object) -> datetime:
    """RFC 3339 text; UTC where it names no offset.

    Raises:
        Unreadable: it is something else.
    """
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise Unreadable(f"{_short(value)} is not a time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@dataclass(frozen=True)
class RowFormat:
    """Where an exchange keeps each value of a row: positions of a list or names of an object."""

    open_time: int | str
    open: int | str
    high: int | str
    low: int | str
    close: int | str
    volume: int | str
    read_time: Callable[[object], datetime] = unix_seconds
    read_number: Callable[[object], float] = json_number

    def time_of(self, row: object) -> datetime:
        """Open time of a row.

        Raises:
            Unreadable: it has none.
        """
        try:
            return self.read_time(_field(row, self.open_time))
        except Unreadable as e:
            raise type(e)(f"open time: {e}") from e

    def read(self, row: object) -> Row:
        """All values of a row.

        Raises:
            Unreadable: one is missing or no number.
        """
        names = ("open", "high", "low", "close", "volume")
        values = [self._number(row, name) for name in names]
        return (self.time_of(row), values[0], values[1], values[2], values[3], values[4])

    def _number(self, row: object, name: str) -> float:
        try:
            return self.read_number(_field(row, getattr(self, name)))
        except Unreadable as e:
            raise type(e)(f"{name}: {e}") from e


def read_rows(
    source: str, rows: Sequence[object], row_format: RowFormat
) -> tuple[list[Row], list[Quarantined]]:
    """Split the rows of a page into readable and refused ones.

    Raises:
        SourceAnswerInvalid: there are rows, and none has the documented shape.
    """
    good: list[Row] = []
    refused: list[Quarantined] = []
    misshapen = 0
    for row in rows:
        try:
            good.append(row_format.read(row))
        except Unreadable as e:
            misshapen += isinstance(e, Misshapen)
            refused.append(Quarantined(_time_if_any(row, row_format), row_text(row), str(e)))
    if rows and misshapen == len(rows):
        raise SourceAnswerInvalid(
            f"{source} answered rows of another shape ({refused[0].reason}): {refused[0].row}"
        )
    return good, refused


def in_base_coin(row: object, volume: str, price: str) -> object:
    """The row of a source that counts volume in quote currency, with volume over price.

    The close stands for the average price of the candle, so this volume is an approximation.
    """
    if not isinstance(row, dict):
        return row
    try:
        quote_volume, quote_price = json_number(row.get(volume)), json_number(row.get(price))
    except Unreadable:
        return row
    return {**row, volume: quote_volume / quote_price} if quote_price > 0 else row


def row_text(row: object) -> str:
    """A row as it is kept in quarantine."""
    return json.dumps(row, default=str)[:ROW_CHARACTERS]


def _field(row: object, key: int | str) -> object:
    if isinstance(key, int) and isinstance(row, list) and len(row) > key:
        return row[key]
    if isinstance(key, str) and isinstance(row, dict) and key in row:
        return row[key]
    raise Misshapen(f"there is no field {key!r}")


def _time_if_any(row: object, row_format: RowFormat) -> datetime | None:
    try:
        return row_format.time_of(row)
    except Unreadable:
        return None


def _since_epoch(seconds: float, unit: str) -> datetime:
    try:
        moment = EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise Unreadable(f"{seconds:g} s after 1970 is not a time") from None
    if not FIRST_TIME <= moment < LAST_TIME:
        raise Unreadable(f"{moment:%Y-%m-%d} cannot be: not unix {unit}")
    return moment


def _short(value: object) -> str:
    return "null" if value is None else repr(value)[:40]
