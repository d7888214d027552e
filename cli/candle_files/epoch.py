"""Numbers that are times: seconds, milliseconds, microseconds or nanoseconds since 1970."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
import pandas as pd

UNITS: tuple[tuple[str, int, int], ...] = (
    ("s", 10**11, 10**6),
    ("ms", 10**14, 10**3),
    ("us", 10**17, 1),
)
"""Unit, magnitude below which a number has it, microseconds per unit. Above the last: ns.

From 1973 to 5138 the magnitudes of the four units do not overlap, so the unit of each value is
determined separately: the files of Binance change from ms to us at the beginning of 2025."""
MAX_MICROSECONDS = 253_402_300_800 * 10**6
MIN_MICROSECONDS = -62_135_596_800 * 10**6
"""Years 1 to 9999, which is what a datetime holds."""
COMPACT_DATES = (19_000_101, 21_001_231)
"""``20250131``: as seconds it would be a day of 1970."""


@dataclass(frozen=True)
class Epochs:
    """Numbers of a column as times.

    Attributes:
        moments: NaT where a value is no such number, or outside of the years 1 to 9999.
        present: values that are numbers since 1970.
        units: every unit that occurs, for people.
    """

    moments: pd.DatetimeIndex
    present: np.ndarray
    units: str


def to_microseconds(number: Decimal) -> tuple[str, int | None]:
    """Unit of a number by its magnitude, and its microseconds since 1970.

    None for a time outside of the years 1 to 9999. Fractions of a microsecond are cut off, so
    that 23:59:59.999999999 stays before midnight.
    """
    for unit, limit, microseconds in UNITS:
        if abs(number) < limit:
            return unit, int(number * microseconds // 1)
    if abs(number) >= MAX_MICROSECONDS * 1000:
        return "ns", None
    value = int(number // 1000)
    return "ns", value if MIN_MICROSECONDS <= value < MAX_MICROSECONDS else None


def read_epochs(column: pd.Series) -> Epochs:
    """Times of the values that are numbers since 1970; a date as 20250131 is none.

    Each value is read for itself: files that were joined repeat their header, or have a note at
    the end, and must not lose their other rows for it.
    """
    read = [_read(value) for value in column.tolist()]
    microseconds = [np.iinfo(np.int64).min if value is None else value for _, value in read]
    moments = pd.DatetimeIndex(np.array(microseconds, np.int64).view("datetime64[us]"))
    present = np.array([unit is not None for unit, _ in read], bool)
    units = " and ".join(sorted({unit for unit, _ in read if unit is not None}))
    return Epochs(moments.tz_localize("UTC"), present, units)


def _read(value: object) -> tuple[str | None, int | None]:
    number = _number(value)
    if number is None or COMPACT_DATES[0] <= number <= COMPACT_DATES[1]:
        return None, None
    return to_microseconds(number)


def _number(value: object) -> Decimal | None:
    """Exact number: a float would round nanoseconds across the hour."""
    try:
        number = Decimal(value) if isinstance(value, int) else Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
