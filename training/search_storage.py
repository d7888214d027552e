"""Where the trials of a search are kept: PostgreSQL shares them, one machine has a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.storages import RDBStorage
from sqlalchemy import URL, Connection, create_engine, text

from tidecast.store.dialects import parse_url

SCHEMA = "tidecast_search"
"""Optuna's tables have a schema of their own: its version table is called as MLflow's is, and the
two may share a database."""
LOCK = 0x7469_6466
"""Key of the advisory lock of those who make the tables: of two at once one would fail."""
POOL = {"pool_size": 1, "max_overflow": 1, "pool_pre_ping": True}


@contextmanager
def search_storage(store_url: str) -> Iterator[RDBStorage]:
    """The storage beside the store of this URL; its tables are made where they are missing."""
    url = parse_url(store_url)
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        beside = url.set(database=str(Path(url.database).with_name("search.db")))
        storage = RDBStorage(beside.render_as_string(hide_password=False))
    else:
        storage = _shared(url)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _shared(url: URL) -> RDBStorage:
    engine = create_engine(url, hide_parameters=True, **POOL)
    try:
        with engine.begin() as connection:
            _take_turn(connection)
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        with engine.begin() as connection:
            _take_turn(connection)
            options = {"options": f"-c search_path={SCHEMA}"}
            address = url.render_as_string(hide_password=False)
            return RDBStorage(address, engine_kwargs={**POOL, "connect_args": options})
    finally:
        engine.dispose()


def _take_turn(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
