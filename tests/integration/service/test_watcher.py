"""The start of the threads that keep the board new, on a real store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from service.board import NO_CANDLE, Board
from service.watch import MarketWatch
from service.watcher import Watcher
from tests.integration.postgres import PostgresServer
from tests.integration.waiting import wait_for
from tidecast.clock import WallClock
from tidecast.registry import Registry
from tidecast.store import Store
from tidecast.store.dialects import CONNECTIONS
from tidecast.timeframes import Market

WITHIN_SECONDS = 20.0


@contextmanager
def watching(url: str, home: Path, *markets: Market) -> Iterator[Board]:
    registry = Registry(f"sqlite:///{home / 'mlflow.db'}", home / "models")
    board = Board(markets)
    with Store(url) as store:
        watches = [MarketWatch(m, store, registry, board, WallClock(), (4,)) for m in markets]
        watcher = Watcher(
            store, board, watches, poll_seconds=0.1, champion_poll_seconds=0.1, settle=lambda: None
        )
        watcher.start()
        yield board
        watcher.stop()


def _connections(url: str) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'tidecast'"
    )
    with psycopg.connect(url) as connection:
        (found,) = connection.execute(query).fetchone() or (0,)
    return int(found)


def test_watcher_opens_the_connections_that_requests_will_need(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.create()
    with watching(url, tmp_path):
        wait_for(lambda: _connections(url) == CONNECTIONS, WITHIN_SECONDS)


def test_watcher_goes_on_with_fewer_connections_than_it_keeps(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    market = Market("BTC-USD", "1h")
    with watching(postgres.create_narrow(2), tmp_path, market) as board:
        board.wait_until_known(WITHIN_SECONDS)
        assert NO_CANDLE in board.state(market).reasons
