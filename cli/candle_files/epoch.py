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
    """Numbers as times; ``units`` lists every unit that occurs."""

    moments: pd.DatetimeIndex
    outside: np.ndarray
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


def read_epochs(column: pd.Series) -> Epochs | None:
    """Times of a column of numbers; None when it holds anything else, or dates as 20250131."""
    numbers = [_number(value) for value in column.dropna().tolist()]
    if not numbers or any(number is None for number in numbers):
        return None
    whole = [number for number in numbers if number is not None]
    if all(is_compact_date(number) for number in whole):
        return None
    read = [to_microseconds(number) for number in whole]
    present = column.notna().to_numpy()
    microseconds = np.full(len(column), np.iinfo(np.int64).min, np.int64)
    microseconds[present] = [
        np.iinfo(np.int64).min if value is None else value for _, value in read
    ]
    moments = pd.DatetimeIndex(microseconds.view("datetime64[us]")).tz_localize("UTC")
    units = " and ".join(sorted({unit for unit, _ in read}))
    return Epochs(moments, moments.isna() & present, units)


def is_compact_date(number: Decimal) -> bool:
    """Whether a number can be a day as 20250131."""
    return COMPACT_DATES[0] <= number <= COMPACT_DATES[1]


def _number(value: object) -> Decimal | None:
    """Exact number: a float would round nanoseconds across the hour."""
    try:
        number = Decimal(value) if isinstance(value, int) else Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
