"""One database: its connections and transactions."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import URL, Connection

from tidecast.store.dialects import (
    BEGIN_WRITING,
    CONNECTIONS,
    build_engine,
    enable_wal,
    parse_url,
    take_migration_turn,
)
from tidecast.store.failures import store_errors


class Database:
    """Transactions on one database; every error of theirs is mapped. Safe to share by threads."""

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.name = _name(self.url)
        self.engine = build_engine(self.url)
        self._writer = self.engine.execution_options(**BEGIN_WRITING)

    def connect(self) -> None:
        """Open all connections that this process keeps; those who read later need not wait.

        Raises:
            StoreUnavailable: not all could be opened.
        """
        with store_errors(self.name), ExitStack() as opened:
            for _ in range(CONNECTIONS):
                opened.enter_context(self.engine.connect())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that only reads.

        Raises:
            StoreUnavailable: the database cannot be used now.
        """
        with store_errors(self.name), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is committed, or nothing when anything is raised.

        Raises:
            StoreUnavailable: the database cannot be used now.
        """
        with store_errors(self.name), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """One transaction that changes tables, alone among all processes.

        Raises:
            StoreUnavailable: the database cannot be used now.
        """
        with store_errors(self.name):
            enable_wal(self.engine)
            with self._writer.begin() as connection:
                take_migration_turn(connection)
                yield connection


def _name(url: URL) -> str:
    """What people call the database: the path of a file, as it is, or the URL of a server."""
    if url.get_backend_name() == "sqlite" and url.database is not None:
        return url.database
    return url.render_as_string(hide_password=True)
