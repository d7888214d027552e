"""Everything in which SQLite and PostgreSQL differ, apart from their error codes."""

import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from tidecast.errors import ConfigurationError

Insert = sqlite.Insert | postgresql.Insert

BEGIN = "tidecast_begin"
"""Execution option: how a transaction on SQLite begins; None for no transaction at all."""
BEGIN_WRITING = {BEGIN: "BEGIN IMMEDIATE"}
"""Options of a transaction that takes the write lock from its start.

One that reads first and writes later cannot wait for the lock: SQLite refuses it at once."""

LOCK_TIMEOUT_SECONDS = 5.0
"""How long a transaction waits for another one before it gives up."""
STATEMENT_TIMEOUT_SECONDS = 30.0
MIGRATION_TIMEOUT_SECONDS = 300.0
"""How long a migration may take, and others wait for it."""
MIGRATION_LOCK = 0x7469_6465
"""Key of the advisory lock that migrations on PostgreSQL take."""
CONNECTIONS = 5
"""That a process keeps, once they are open."""
CONNECT_TIMEOUT_SECONDS = 3.0
POOL_TIMEOUT_SECONDS = 5.0
SILENCE_TIMEOUT_SECONDS = 10.0
"""A server that acknowledges nothing for so long is gone, though no packet says so."""

ALLOWED_URLS = "sqlite:////absolute/path.db or postgresql://user:password@host:5432/database"


def parse_url(text: str) -> URL:
    """The URL with its driver.

    Raises:
        ConfigurationError: it is none of ``ALLOWED_URLS``.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        message = f"the database URL is malformed; allowed: {ALLOWED_URLS}"
        raise ConfigurationError(message) from error
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    in_file = url.database not in (None, "", ":memory:")
    if url.drivername in ("sqlite", "sqlite+pysqlite") and in_file:
        return url.set(drivername="sqlite+pysqlite")
    shown = url.render_as_string(hide_password=True)
    raise ConfigurationError(f"the database URL {shown} cannot be used; allowed: {ALLOWED_URLS}")


def build_engine(url: URL) -> Engine:
    """Engine with the settings that its database needs; connects to nothing yet.

    Arguments of the driver in the URL's query (``?timeout=1``, ``?sslmode=require``) win.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    return _postgresql_engine(url)


def insert_into(connection: Connection, table: Table) -> Insert:
    """An insert that knows ``on_conflict_do_nothing``."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def take_migration_turn(connection: Connection) -> None:
    """Wait until no other process migrates; SQLite's write lock has seen to it already."""
    if connection.dialect.name == "sqlite":
        return
    for limit in ("lock_timeout", "statement_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {limit} = '{MIGRATION_TIMEOUT_SECONDS:.0f}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")


def enable_wal(engine: Engine) -> None:
    """Let readers of a SQLite file go on while one writes; the file remembers it."""
    if engine.dialect.name != "sqlite":
        return
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            with engine.connect().execution_options(**{BEGIN: None}) as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except OperationalError:
            # The switch does not wait for other processes as statements do.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _sqlite_engine(url: URL) -> Engine:
    assert url.database is not None
    _make_folder(Path(url.database).absolute().parent)
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=CONNECTIONS,
        max_overflow=5,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args=_unless_in_url(url, timeout=LOCK_TIMEOUT_SECONDS),
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the database's folder cannot be made: {error}") from error


def _prepare_sqlite(connection: Any, record: object) -> None:
    # The driver must not begin transactions of its own: it does so late and without the lock.
    connection.isolation_level = None
    for pragma in (
        "foreign_keys = ON",
        # With WAL this is safe against a killed process; a power cut may cost the last commits.
        "synchronous = NORMAL",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get(BEGIN, "BEGIN")
    if statement is not None:
        connection.exec_driver_sql(statement)


def _postgresql_engine(url: URL) -> Engine:
    limits = {
        "statement_timeout": STATEMENT_TIMEOUT_SECONDS,
        "lock_timeout": LOCK_TIMEOUT_SECONDS,
        "idle_in_transaction_session_timeout": STATEMENT_TIMEOUT_SECONDS,
    }
    return create_engine(
        url,
        hide_parameters=True,
        pool_size=CONNECTIONS,
        max_overflow=0,  # one that is closed again has the next request wait for another
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args=_unless_in_url(
            url,
            connect_timeout=int(CONNECT_TIMEOUT_SECONDS),
            tcp_user_timeout=int(SILENCE_TIMEOUT_SECONDS * 1000),
            application_name="tidecast",
            options=" ".join(f"-c {name}={int(s * 1000)}" for name, s in limits.items()),
        ),
    )


def _unless_in_url(url: URL, **arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in url.query}
