"""Small state of the processes, one JSON object per name."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.tables import notes


class NoteLog:
    """The last note of each name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, value: dict[str, Any], at: datetime) -> None:
        """Write a note in place of the one before."""
        with self._database.writing() as connection:
            statement = insert_into(connection, notes).values(name=name, value=value, at=at)
            replaced = {"value": statement.excluded.value, "at": statement.excluded.at}
            connection.execute(
                statement.on_conflict_do_update(index_elements=[notes.c.name], set_=replaced)
            )

    def get(self, name: str) -> dict[str, Any] | None:
        """The note of this name."""
        with self._database.reading() as connection:
            value: dict[str, Any] | None = connection.scalar(
                select(notes.c.value).where(notes.c.name == name)
            )
        return value
