"""Which connections the store keeps open."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, text

from tests.integration.postgres import PostgresServer
from tidecast.errors import StoreUnavailable
from tidecast.store.database import Database
from tidecast.store.dialects import CONNECTIONS


class Watched:
    """A database, and how many connections to it were opened."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.opened = 0
        event.listen(self.database.engine, "connect", self._count)

    def _count(self, *_: object) -> None:
        self.opened += 1

    def read_side_by_side(self, readers: int) -> None:
        all_read = threading.Barrier(readers, timeout=10)

        def read(_: int) -> None:
            with self.database.reading() as connection:
                connection.execute(text("SELECT 1"))
                all_read.wait()

        with ThreadPoolExecutor(readers) as threads:
            list(threads.map(read, range(readers)))


@pytest.fixture
def watched(url: str) -> Iterator[Watched]:
    made = Watched(url)
    yield made
    made.database.engine.dispose()


def test_first_readers_after_connect_wait_for_no_connection(watched: Watched) -> None:
    watched.database.connect()
    opened_ahead = watched.opened
    watched.read_side_by_side(CONNECTIONS)
    assert (opened_ahead, watched.opened) == (CONNECTIONS, CONNECTIONS)


def test_later_readers_use_the_connections_of_the_first(watched: Watched) -> None:
    for _ in range(3):
        watched.read_side_by_side(CONNECTIONS)
    assert watched.opened == CONNECTIONS


def test_connect_to_a_server_without_a_place_leaves_the_others(postgres: PostgresServer) -> None:
    database = Database(postgres.create_narrow(CONNECTIONS - 1))
    with pytest.raises(StoreUnavailable, match="too many connections"):
        database.connect()
    with database.reading() as connection:  # the others were given back
        assert connection.execute(text("SELECT 1")).scalar() == 1
    database.engine.dispose()
