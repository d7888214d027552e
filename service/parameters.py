"""From the text of a request to values, or to an error that names the field and what it may be."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tidecast.errors import InvalidParameter
from tidecast.forecasts import LEVELS

MAX_INTEGER_DIGITS = 9
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Times beyond are taken for these: there are no candles there, and no database minds them."""
LEVELS_ALLOWED = (
    "different levels, each 0.005, 0.025, 0.975, 0.995 or from 0.01 to 0.99 in steps of 0.01"
)
TIME_ALLOWED = "RFC 3339 with zone, 2025-01-31T10:00:00Z"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?([eE]-?\d{1,2})?", re.ASCII)
_POSITIONS = {level: position for position, level in enumerate(LEVELS)}


def only(given: Iterable[tuple[str, str]], known: Sequence[str]) -> dict[str, str]:
    """The query parameters as a mapping.

    Raises:
        InvalidParameter: one is unknown or stands there twice.
    """
    parameters: dict[str, str] = {}
    for name, value in given:
        if name not in known:
            raise InvalidParameter(f"unknown parameter {name!r}", field=name, allowed=known)
        if name in parameters:
            raise InvalidParameter(f"{name} stands there twice", field=name, allowed="once")
        parameters[name] = value
    return parameters


def integer(name: str, text: str | None, low: int, high: int) -> int | None:
    """A whole number from ``low`` to ``high``; None stays None.

    Raises:
        InvalidParameter: it is something else.
    """
    if text is None:
        return None
    if not re.fullmatch(rf"-?\d{{1,{MAX_INTEGER_DIGITS}}}", text, re.ASCII):
        raise InvalidParameter(
            f"{name} {_short(text)} is not a whole number", field=name, allowed=f"{low}..{high}"
        )
    return within(name, int(text), low, high)


def within(name: str, value: int, low: int, high: int) -> int:
    """The value itself.

    Raises:
        InvalidParameter: it is not from ``low`` to ``high``.
    """
    if not low <= value <= high:
        raise InvalidParameter(
            f"{name} {value} is out of range", field=name, allowed=f"{low}..{high}"
        )
    return value


def levels(text: str | None) -> list[float] | None:
    """Quantile levels from ``0.05,0.5,0.95``; None stays None.

    Raises:
        InvalidParameter: a part is not a number.
    """
    if text is None:
        return None
    parts = text.split(",")
    if not all(_NUMBER.fullmatch(part) for part in parts):
        raise InvalidParameter(
            f"levels {_short(text)} are not numbers separated by commas",
            field="levels",
            allowed=LEVELS_ALLOWED,
        )
    return [float(part) for part in parts]


def level_positions(wanted: Sequence[float]) -> tuple[int, ...]:
    """Positions in ``LEVELS``, ascending.

    Raises:
        InvalidParameter: none is given, one is unknown, or one stands there twice.
    """
    positions = []
    for level in wanted:
        position = None if math.isnan(level) else _POSITIONS.get(level)
        if position is None:
            raise InvalidParameter(
                f"level {level} is not served", field="levels", allowed=LEVELS_ALLOWED
            )
        positions.append(position)
    if not positions:
        raise InvalidParameter("levels are empty", field="levels", allowed=LEVELS_ALLOWED)
    if len(set(positions)) < len(positions):
        raise InvalidParameter("a level stands there twice", field="levels", allowed=LEVELS_ALLOWED)
    return tuple(sorted(positions))


def time(name: str, text: str | None) -> datetime | None:
    """An instant from RFC 3339, in UTC; None stays None.

    Raises:
        InvalidParameter: it is something else.
    """
    if text is None:
        return None
    if not _TIME.fullmatch(text):
        raise InvalidParameter(
            f"{name} {_short(text)} is not a time", field=name, allowed=TIME_ALLOWED
        )
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        moment = EARLIEST if text.startswith("0") else LATEST
    except ValueError as error:
        raise InvalidParameter(
            f"{name} {_short(text)} is not a time", field=name, allowed=TIME_ALLOWED
        ) from error
    return min(max(moment, EARLIEST), LATEST)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
