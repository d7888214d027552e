"""The daily Fear & Greed index, with its revisions."""

from collections.abc import Sequence
from datetime import date, datetime

import pandas as pd
from sqlalchemy import select

from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.tables import sentiment

_table = sentiment.c


class SentimentLog:
    """Append-only: a changed value adds a revision."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Sequence[tuple[date, int]], seen_at: datetime) -> int:
        """Keep the values that are new or changed; returns how many."""
        if not rows:
            return 0
        with self._database.writing() as connection:
            known = {
                row.day: row
                for row in connection.execute(select(sentiment).order_by(_table.revision))
            }
            changed = [
                {
                    "day": day,
                    "revision": known[day].revision + 1 if day in known else 1,
                    "value": value,
                    "first_seen_at": seen_at,
                }
                for day, value in dict(rows).items()
                if day not in known or known[day].value != value
            ]
            if not changed:
                return 0
            statement = insert_into(connection, sentiment).on_conflict_do_nothing()
            return len(connection.execute(statement.returning(_table.day), changed).all())

    def read(self, start: date | None = None, end: date | None = None) -> pd.Series:
        """Newest value of each day in ``[start, end)``: int64 by ``datetime.date``, increasing."""
        statement = select(_table.day, _table.value).order_by(_table.day, _table.revision)
        if start is not None:
            statement = statement.where(_table.day >= start)
        if end is not None:
            statement = statement.where(_table.day < end)
        with self._database.reading() as connection:
            values = {day: value for day, value in connection.execute(statement)}
        index = pd.Index(list(values), name="day", dtype=object)
        return pd.Series(list(values.values()), index=index, name="fear_greed", dtype="int64")
