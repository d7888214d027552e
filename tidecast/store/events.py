"""Alert events, one per dedupe key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.tables import events
from tidecast.timeframes import Market

_table = events.c


@dataclass(frozen=True)
class Event:
    """Something a person may want to know; ``key`` makes it happen once."""

    id: int
    key: str
    kind: str
    market: Market | None
    at: datetime
    detail: dict[str, Any]


class EventLog:
    """Append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        kind: str,
        key: str,
        detail: dict[str, Any],
        at: datetime,
        market: Market | None = None,
    ) -> bool:
        """Keep an event; False when its key is there already."""
        row = {"key": key, "kind": kind, "market": market, "at": at, "detail": detail}
        with self._database.writing() as connection:
            statement = insert_into(connection, events).values(row)
            added = statement.on_conflict_do_nothing().returning(_table.id)
            return connection.execute(added).one_or_none() is not None

    def read(
        self, *, market: Market | None = None, since: datetime | None = None, limit: int = 100
    ) -> list[Event]:
        """Events at or after ``since``, newest first; None asks for all markets."""
        statement = select(events).order_by(_table.at.desc(), _table.id.desc()).limit(limit)
        if market is not None:
            statement = statement.where(_table.market == market)
        if since is not None:
            statement = statement.where(_table.at >= since)
        with self._database.reading() as connection:
            return [Event(*row) for row in connection.execute(statement)]
