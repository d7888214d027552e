"""Column types that mean the same on SQLite and PostgreSQL.

Times are BIGINT microseconds since 1970 in UTC, not the databases' own types: SQLite has none and
would give text that sorts by spelling, PostgreSQL's gives back the session's time zone, and an
integer turns into a pandas index without a detour. The type refuses naive datetimes.
"""

import json
import operator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, Boolean, Double, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from tidecast.timeframes import EPOCH, Market

MICROSECOND = timedelta(microseconds=1)

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""Key that counts up by itself; SQLite does so only for a column that is INTEGER to the letter."""


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC.

    Raises:
        ValueError: the datetime has no time zone.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"naive datetime {moment!r}: the store takes aware datetimes only")
    return (moment - EPOCH) // MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """Aware datetime, kept as microseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database, in UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Whole(TypeDecorator[int]):
    """Integer; takes NumPy's too, which SQLite would keep as their bytes."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else operator.index(value)


class Real(TypeDecorator[float]):
    """Double; takes NumPy's floats too, which SQLite would keep as their bytes."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> float | None:
        """To the database."""
        return None if value is None else float(value)


class Flag(TypeDecorator[bool]):
    """Boolean; takes NumPy's too."""

    impl = Boolean
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bool | None:
        """To the database."""
        return None if value is None else bool(value)


class MarketText(TypeDecorator[Market]):
    """Market, kept as ``BTC-USD:1h``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Market | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Market | None:
        """From the database."""
        return None if value is None else Market(*value.split(":"))


class JsonText(TypeDecorator[Any]):
    """JSON value, kept as text: PostgreSQL's own type refuses the NaN that a figure may be."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database; NumPy scalars become plain numbers."""
        return None if value is None else json.dumps(value, default=_plain)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else json.loads(value)


class ForeignText(TypeDecorator[str]):
    """Text from outside: characters that a database refuses (NUL, lone surrogates) are escaped."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
