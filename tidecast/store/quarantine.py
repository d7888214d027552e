"""Rows of an exchange that were refused, each kept once with its reason."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import bindparam, delete, select

from tidecast.candles import Quarantined
from tidecast.price_jumps import JUMP_REASON
from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.tables import quarantined_rows
from tidecast.timeframes import Market

MAX_ROW_CHARACTERS = 2000
"""A row is cut here: a hostile page must not fill the disk."""


@dataclass(frozen=True)
class QuarantinedRow:
    """A refused row as it was kept."""

    market: Market
    source: str
    open_time: datetime | None
    row: str
    reason: str
    first_seen_at: datetime


@dataclass(frozen=True)
class Suspect:
    """A row that was refused for its price, and may be confirmed later."""

    id: int
    source: str
    open_time: datetime
    high: float
    low: float
    close: float
    first_seen_at: datetime


class Quarantine:
    """The refused rows of all markets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, market: Market, source: str, rows: Sequence[Quarantined], seen_at: datetime
    ) -> int:
        """Keep the rows that are not there yet; returns how many."""
        if not rows:
            return 0
        values = [
            {
                "digest": _digest(market, source, row),
                "market": market,
                "source": source,
                "open_time": row.open_time,
                "row": row.row[:MAX_ROW_CHARACTERS],
                "reason": row.reason,
                "first_seen_at": seen_at,
            }
            for row in rows
        ]
        with self._database.writing() as connection:
            statement = insert_into(connection, quarantined_rows).on_conflict_do_nothing()
            added = connection.execute(statement.returning(quarantined_rows.c.id), values)
            return len(added.all())

    def count_new(self, market: Market, source: str, rows: Sequence[Quarantined]) -> int:
        """How many rows `add` would keep; nothing is written."""
        statement = select(quarantined_rows.c.digest).where(
            quarantined_rows.c.market == market, quarantined_rows.c.source == source
        )
        with self._database.reading() as connection:
            kept = set(connection.scalars(statement))
        return len({_digest(market, source, row) for row in rows} - kept)

    def read(self, market: Market, limit: int) -> list[QuarantinedRow]:
        """The newest rows, newest first."""
        table = quarantined_rows.c
        statement = (
            select(
                table.market,
                table.source,
                table.open_time,
                table.row,
                table.reason,
                table.first_seen_at,
            )
            .where(table.market == market)
            .order_by(table.id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [QuarantinedRow(*row) for row in connection.execute(statement)]

    def suspects(
        self, market: Market, start: datetime, end: datetime | None = None
    ) -> list[Suspect]:
        """Rows refused for their price, with open time from ``start`` on and before ``end``."""
        table = quarantined_rows.c
        statement = (
            select(table.id, table.source, table.open_time, table.row, table.first_seen_at)
            .where(table.market == market, table.reason == JUMP_REASON, table.open_time >= start)
            .order_by(table.id)
        )
        if end is not None:
            statement = statement.where(table.open_time < end)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [
            Suspect(id_, source, open_time, *_prices(row), first_seen_at)
            for id_, source, open_time, row, first_seen_at in rows
        ]

    def remove(self, ids: Sequence[int]) -> None:
        """Delete rows by their id."""
        if ids:
            statement = delete(quarantined_rows).where(quarantined_rows.c.id == bindparam("row_id"))
            with self._database.writing() as connection:
                connection.execute(statement, [{"row_id": id_} for id_ in ids])


def _prices(row: str) -> tuple[float, float, float]:
    """High, low and close of a row that ``validate`` refused for its price."""
    values = json.loads(row)
    return values["high"], values["low"], values["close"]


def _digest(market: Market, source: str, row: Quarantined) -> str:
    text = repr((str(market), source, row.open_time, row.row, row.reason))
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
