"""The candle ledger: every value a candle ever had, and when it was first seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
import pandas as pd
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from tidecast.candles import COLUMNS, Gap, Quarantined, empty_frame, gaps
from tidecast.store.basis import Basis, CandleWindow
from tidecast.store.database import Database
from tidecast.store.quarantine import Quarantine, QuarantinedRow, Suspect
from tidecast.store.revisions import Stored, changes, check_frame
from tidecast.store.tables import candle_revisions, candle_versions
from tidecast.store.turns import take_turn
from tidecast.timeframes import EPOCH, Market

_table = candle_revisions.c
_values = [_table[name] for name in COLUMNS]


@dataclass(frozen=True)
class Upserted:
    """What an upsert did with its candles."""

    inserted: int
    revised: int
    unchanged: int

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]], frame: pd.DataFrame) -> Self:
        """Count the revisions in ``rows`` that the candles of ``frame`` need."""
        inserted = sum(row["revision"] == 1 for row in rows)
        return cls(inserted, len(rows) - inserted, len(frame) - len(rows))


@dataclass(frozen=True)
class NewestCandle:
    """The candle of a market with the greatest open time."""

    open_time: datetime
    close: float
    source: str
    first_seen_at: datetime


class CandleLedger:
    """Append-only candles of all markets, with the rows that were refused beside them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._quarantine = Quarantine(database)

    def upsert(
        self,
        market: Market,
        frame: pd.DataFrame,
        source: str,
        read_clock: Callable[[], datetime],
    ) -> Upserted:
        """Add the candles that are new, and a revision for those that changed.

        One transaction, safe beside other processes, and idempotent. A candle that is there from
        another source stays as it is and counts as unchanged. ``first_seen_at`` is the time of
        the transaction, never before the close of the candle or the revision that it replaces.

        Args:
            market: whose candles they are.
            frame: a candle frame without NaN.
            source: ``exchange:pair`` they came from.
            read_clock: current instant, UTC; read when no other transaction writes the market.

        Raises:
            ValueError: the frame is no candle frame.
            TypeError: the time of the clock has no zone.
            StoreUnavailable: nothing was written.
        """
        check_frame(frame)
        if frame.empty:
            return Upserted(0, 0, 0)
        with self._database.writing() as connection:
            take_turn(connection, market)
            rows = _new_rows(connection, market, frame, source, read_clock)
            if rows:
                connection.execute(insert(candle_revisions), rows)
                _count_up(connection, market, len(rows))
        return Upserted.of(rows, frame)

    def preview(
        self,
        market: Market,
        frame: pd.DataFrame,
        source: str,
        read_clock: Callable[[], datetime],
    ) -> Upserted:
        """What `upsert` would do with the same arguments now; nothing is written.

        Raises:
            ValueError: the frame is no candle frame.
            TypeError: the time of the clock has no zone.
            StoreUnavailable: the database cannot be read.
        """
        check_frame(frame)
        if frame.empty:
            return Upserted(0, 0, 0)
        with self._database.reading() as connection:
            return Upserted.of(_new_rows(connection, market, frame, source, read_clock), frame)

    def quarantine(
        self, market: Market, source: str, rows: Sequence[Quarantined], seen_at: datetime
    ) -> int:
        """Keep rows that were refused, each with its reason once; returns how many are new."""
        return self._quarantine.add(market, source, rows, seen_at)

    def preview_quarantine(self, market: Market, source: str, rows: Sequence[Quarantined]) -> int:
        """How many of the rows `quarantine` would keep now; nothing is written."""
        return self._quarantine.count_new(market, source, rows)

    def quarantined(self, market: Market, limit: int = 100) -> list[QuarantinedRow]:
        """The newest refused rows, newest first."""
        return self._quarantine.read(market, limit)

    def suspects(self, market: Market, start: datetime, end: datetime) -> list[Suspect]:
        """Rows refused for their price, with open time in ``[start, end)``."""
        return self._quarantine.suspects(market, start, end)

    def release(self, suspects: Sequence[Suspect]) -> None:
        """Take rows whose candles were stored after all out of the quarantine."""
        self._quarantine.remove([suspect.id for suspect in suspects])

    def held_back(self, market: Market) -> list[Suspect]:
        """Candles after the newest stored one whose price is not confirmed yet, by open time."""
        newest = self.newest(market)
        start = EPOCH if newest is None else newest.open_time + market.length
        found = {row.open_time: row for row in self._quarantine.suspects(market, start)}
        return [found[open_time] for open_time in sorted(found)]

    def read(
        self,
        market: Market,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Candle frame of the open times in ``[start, end)``.

        ``first_seen_at`` is set before a transaction commits, so a later read as of the same
        instant can hold the candles of transactions that were under way. ``ForecastLog.add`` takes
        the turn of the market and checks for them.

        Args:
            market: whose candles.
            start: first open time.
            end: open time to stop before.
            as_of: only what had been seen at or before this instant.
            limit: only the newest so many candles.
        """
        statement = _newest_revisions(_between(market, start, end), as_of, limit)
        with self._database.reading() as connection:
            return _frame(connection.execute(statement).all())

    def window(
        self, market: Market, *, end: datetime, limit: int, as_of: datetime | None = None
    ) -> CandleWindow:
        """The newest candles before ``end``, with what ``ForecastLog.add`` checks them by.

        Args:
            market: whose candles.
            end: open time to stop before, the cutoff of the forecast.
            limit: how many candles.
            as_of: only what had been seen at or before this instant.
        """
        statement = _newest_revisions(_between(market, None, end), as_of, limit)
        with self._database.reading() as connection:
            rows = connection.execute(statement.add_columns(_table.first_seen_at)).all()
        candles = _frame([row[:-1] for row in rows])
        whole = len(candles) < limit
        start = None if whole else candles.index[0].to_pydatetime()
        seen_at = max((row.first_seen_at for row in rows), default=None)
        return CandleWindow(candles, Basis(start, end, len(rows), seen_at))

    def sources(
        self, market: Market, start: datetime | None = None, end: datetime | None = None
    ) -> list[str]:
        """Sources of the candles with open time in ``[start, end)``, that of the newest first."""
        statement = (
            select(_table.source)
            .where(_between(market, start, end), _table.revision == 1)
            .group_by(_table.source)
            .order_by(func.max(_table.open_time).desc())
        )
        with self._database.reading() as connection:
            return list(connection.scalars(statement))

    def newest(self, market: Market) -> NewestCandle | None:
        """The current value of the newest candle."""
        statement = (
            select(_table.open_time, _table.close, _table.source, _table.first_seen_at)
            .where(_table.market == market)
            .order_by(_table.open_time.desc(), _table.revision.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else NewestCandle(*row)

    def count(
        self, market: Market, end: datetime | None = None, as_of: datetime | None = None
    ) -> int:
        """How many candles there are, revisions not counted.

        Args:
            market: whose candles.
            end: open time to stop before.
            as_of: only what had been seen at or before this instant.
        """
        statement = (
            select(func.count())
            .select_from(candle_revisions)
            .where(_between(market, None, end), _table.revision == 1)
        )
        if as_of is not None:
            statement = statement.where(_table.first_seen_at <= as_of)
        with self._database.reading() as connection:
            return int(connection.scalar(statement) or 0)

    def version(self, market: Market) -> int:
        """Change marker: grows with every insert and revision, 0 for an unknown market."""
        statement = select(candle_versions.c.version).where(candle_versions.c.market == market)
        with self._database.reading() as connection:
            return int(connection.scalar(statement) or 0)

    def gaps(self, market: Market) -> list[Gap]:
        """Missing candles between the oldest and the newest."""
        statement = (
            select(type_coerce(_table.open_time, BigInteger))
            .where(_table.market == market, _table.revision == 1)
            .order_by(_table.open_time)
        )
        with self._database.reading() as connection:
            open_times = list(connection.scalars(statement))
        return gaps(_index(np.array(open_times, dtype=np.int64)), market.interval)

    def markets(self) -> list[Market]:
        """Markets with at least one candle, by name."""
        statement = (
            select(candle_versions.c.market)
            .where(candle_versions.c.version > 0)
            .order_by(candle_versions.c.market)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(statement))


def _between(market: Market, start: datetime | None, end: datetime | None) -> ColumnElement[bool]:
    conditions = [_table.market == market]
    if start is not None:
        conditions.append(_table.open_time >= start)
    if end is not None:
        conditions.append(_table.open_time < end)
    return and_(*conditions)


def _newest_revisions(
    wanted: ColumnElement[bool], as_of: datetime | None, limit: int | None
) -> Select[Any]:
    """Every revision of the wanted candles, ordered by open time and revision."""
    if as_of is not None:
        wanted = and_(wanted, _table.first_seen_at <= as_of)
    if limit is not None:
        newest = (
            select(_table.open_time)
            .where(wanted, _table.revision == 1)
            .order_by(_table.open_time.desc())
            .limit(limit)
            .subquery()
        )
        wanted = and_(
            wanted, _table.open_time >= select(func.min(newest.c.open_time)).scalar_subquery()
        )
    return (
        select(type_coerce(_table.open_time, BigInteger), *_values)
        .where(wanted)
        .order_by(_table.open_time, _table.revision)
    )


def _count_up(connection: Connection, market: Market, changes: int) -> None:
    connection.execute(
        update(candle_versions)
        .where(candle_versions.c.market == market)
        .values(version=candle_versions.c.version + changes)
    )


def _new_rows(
    connection: Connection,
    market: Market,
    frame: pd.DataFrame,
    source: str,
    read_clock: Callable[[], datetime],
) -> list[dict[str, Any]]:
    """Revisions to insert; the clock is read after what is stored."""
    stored = _stored(connection, market, frame.index[0], frame.index[-1])
    return [
        {"market": market, "source": source, **row}
        for row in changes(frame, stored, source, read_clock(), market.length)
    ]


def _stored(
    connection: Connection, market: Market, first: datetime, last: datetime
) -> dict[datetime, Stored]:
    statement = (
        select(_table.open_time, _table.revision, _table.source, _table.first_seen_at, *_values)
        .where(_table.market == market, _table.open_time.between(first, last))
        .order_by(_table.open_time, _table.revision)
    )
    return {
        open_time: Stored(revision, tuple(values), source, first_seen_at)
        for open_time, revision, source, first_seen_at, *values in connection.execute(statement)
    }


def _index(microseconds: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(microseconds.view("M8[us]"), tz="UTC", name="open_time")


def _frame(rows: Sequence[Any]) -> pd.DataFrame:
    """Candle frame of rows ordered by open time and revision: the last revision counts."""
    if not rows:
        return empty_frame()
    open_times, *columns = zip(*rows, strict=True)
    microseconds = np.array(open_times, dtype=np.int64)
    last = np.append(microseconds[1:] != microseconds[:-1], True)
    values = np.array(columns, dtype=np.float64).T[last]
    return pd.DataFrame(values, index=_index(microseconds[last]), columns=list(COLUMNS))
