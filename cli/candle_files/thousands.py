"""Commas in numbers: ``1,234.5`` is read where they can only separate thousands."""

import re
from collections.abc import Iterable

import pandas as pd

WITH_COMMA = re.compile(r"-?[\d.,]*,[\d.,]*")
THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
DECIMAL_POINT = re.compile(r"-?\d[\d,]*\.\d+|-?\d{1,3}(,\d{3}){2,}")
"""``1,234`` alone may be a decimal comma; a point, or a second group, shows that it is none."""


def separates_thousands(texts: Iterable[str]) -> bool:
    """Whether the commas in the numbers among texts can only separate thousands.

    Every comma is followed by three digits, and a number has a decimal point or several groups.
    """
    texts = list(texts)
    numbers = [text for text in texts if "," in text and WITH_COMMA.fullmatch(text)]
    return (
        bool(numbers)
        and all(THOUSANDS.fullmatch(number) for number in numbers)
        and any(DECIMAL_POINT.fullmatch(text) for text in texts)
    )


def plain_number(text: str) -> str:
    """A number without the commas between its thousands; other text as it is."""
    return text.replace(",", "") if THOUSANDS.fullmatch(text) else text


def without_separators(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of text, with plain numbers where `separates_thousands` allows it."""
    has_comma = [name for name in frame if frame[name].str.contains(",", regex=False).any()]
    if not has_comma:
        return frame
    texts = (text for name in frame for text in frame[name].dropna().str.strip())
    if not separates_thousands(texts):
        return frame
    plain = frame.copy()
    for name in has_comma:
        plain[name] = frame[name].str.strip().map(plain_number, na_action="ignore")
    return plain
