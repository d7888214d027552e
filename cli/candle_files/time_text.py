"""Times written as text: ISO 8601, and the other forms that public files have."""

import re

import pandas as pd

from tidecast.errors import InvalidParameter

CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = (
    "%Y%m%d",
    "%Y%m%d %H:%M:%S",
    "%Y-%m-%d %I-%p",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y.%m.%d",
    "%Y.%m.%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S.%f",
    *(
        form.replace("%b", month) + clock
        for form in ("%b %d, %Y", "%d %b %Y", "%d-%b-%Y")
        for month in ("%b", "%B")
        for clock in CLOCKS
    ),
    "%a %b %d %Y %H:%M:%S",
)
"""Forms in which day and month cannot be mixed up; tried where ISO 8601 does not fit."""
DAY_MONTH = re.compile(r"^(\d{1,2})([/-])(\d{1,2})\2(\d{4})")
ZONE = re.compile(r"(?:(Z)|:\d{2}(?:\.\d+)?\s*([+-]\d{2}(?::?\d{2})?))$")
"""An offset follows a clock: the end of 31-01-2025 is no offset."""

Parsed = tuple[pd.DatetimeIndex, str, str]


def read_texts(texts: pd.Series, assumed: str) -> Parsed:
    """Times, what was read, and the zone.

    Args:
        texts: text, missing where there is none.
        assumed: what to call the zone of texts without one.

    Raises:
        InvalidParameter: day and month of the dates cannot be told apart.
    """
    plain = _plain(texts)
    moments = pd.to_datetime(plain, format="ISO8601", utc=True, errors="coerce")
    kind = "ISO text" if moments.notna().any() else "text"
    for form in (*FORMATS, *_day_month_formats(plain[moments.isna()])):
        left = moments.isna() & plain.notna()
        if not left.any():
            break
        found = _parsed(plain[left], form)
        if found.notna().any():
            moments = moments.astype("datetime64[us, UTC]")
            moments[left] = found
            kind = f"{kind}, {form}" if kind != "text" else f"text {form}"
    index = pd.DatetimeIndex(moments).as_unit("us")
    return index, kind, _zone(plain, assumed)


def _plain(texts: pd.Series) -> pd.Series:
    """GMT and UTC written as ISO 8601 writes them; at most microseconds."""
    return (
        texts.astype("str")
        .str.strip()
        .str.replace(r"\s*(?:GMT|UTC)([+-]\d{2}:?\d{2})", r"\1", regex=True)
        .str.replace(r"\s*\(?(?:GMT|UTC)\)?$", "Z", regex=True)
        .str.replace(r"(\.\d{6})\d+", r"\1", regex=True)
    )


def _parsed(texts: pd.Series, form: str) -> pd.Series:
    """Times of one form, with a zone behind it or without."""
    bare = pd.to_datetime(texts, format=form, utc=True, errors="coerce")
    zoned = pd.to_datetime(texts, format=f"{form}%z", utc=True, errors="coerce")
    return bare.fillna(zoned).astype("datetime64[us, UTC]")


def _day_month_formats(texts: pd.Series) -> tuple[str, ...]:
    """Forms of dates like 31/01/2025: a number above 12 shows which one is the day."""
    parts = texts.str.extract(DAY_MONTH).dropna()
    if parts.empty:
        return ()
    first, second = (int(parts[column].astype(int).max()) for column in (0, 2))
    if (first > 12) == (second > 12):
        raise InvalidParameter(
            f"{texts[parts.index[0]]!r} may be day/month or month/day",
            field="file",
            allowed="ISO 8601: 2025-01-31 05:00",
        )
    day = "%d{0}%m{0}%Y" if first > 12 else "%m{0}%d{0}%Y"
    return tuple(day.format(mark) + clock for mark in parts[1].unique() for clock in CLOCKS)


def _zone(texts: pd.Series, assumed: str) -> str:
    present = texts.dropna().tolist()
    zones = [match[1] or match[2] for match in map(ZONE.search, present) if match]
    if not zones:
        return assumed
    names = {"UTC" if zone.strip("+0:") in ("", "Z") else zone for zone in zones}
    shown = ", ".join(sorted(names)[:3])
    return shown if len(zones) == len(present) else f"{shown}; rows without one: {assumed}"
