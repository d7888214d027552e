"""What happens to the store when the world under it breaks."""

import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from sqlalchemy.engine import make_url

from tidecast.errors import ConfigurationError, StoreUnavailable, StoreUnusable
from tidecast.store import Store, Upserted
from tidecast.store.database import Database

HOUR = timedelta(hours=1)
SOURCE = "coinbase:BTC-USD"
AWAY = "check that the database server runs"

PREAMBLE = """
import sys, time
from datetime import UTC, datetime
import numpy as np, pandas as pd
from tidecast.errors import StoreUnavailable
from tidecast.store import Store
from tidecast.timeframes import Market

def candles(rows, price=1.0):
    index = pd.date_range("2025-01-01", periods=rows, freq="1h", tz="UTC", name="open_time")
    names = ["open", "high", "low", "close", "volume"]
    return pd.DataFrame(np.full((rows, 5), price), index=index.as_unit("us"), columns=names)

MARKET, SOURCE = Market("BTC-USD", "1h"), "coinbase:BTC-USD"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
store = Store(sys.argv[1])
"""


def start(script, url):
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


KILLED = """
from sqlalchemy import Engine, event

store.candles.upsert(MARKET, candles(10), SOURCE, lambda: NOW)

@event.listens_for(Engine, "commit")
def wait_for_the_end(connection):
    print("written", flush=True)
    time.sleep(60)

store.candles.upsert(MARKET, candles(500, price=2.0), SOURCE, lambda: NOW)
"""


def test_writer_killed_before_its_commit_leaves_nothing(url, market, now, make_candles):
    with start(KILLED, url) as writer:
        assert writer.stdout.readline() == "written\n"
        writer.send_signal(signal.SIGKILL)
    with Store(url) as store:
        store.migrate()
        found = store.candles.read(market)
        assert (len(found), set(found["close"]), store.candles.version(market)) == (10, {1.0}, 10)
        # The lock of the dead one is gone too.
        assert store.candles.upsert(market, make_candles(5), SOURCE, lambda: now).inserted == 5


INGESTING = """
print("ready", flush=True)
input()
inserted = 0
for count in (50, 300, 900):
    inserted += store.candles.upsert(MARKET, candles(count), SOURCE, lambda: NOW).inserted
print(inserted, flush=True)
store.close()
"""


def test_two_ingestion_processes_at_once_store_each_candle_once(url, market):
    with start(INGESTING, url) as first, start(INGESTING, url) as second:
        for process in (first, second):
            assert process.stdout.readline() == "ready\n"
        for process in (first, second):
            process.stdin.write("\n")
            process.stdin.flush()
        inserted = [int(process.stdout.readline()) for process in (first, second)]
    with Store(url) as store:
        assert sum(inserted) == store.candles.count(market) == 900
        assert store.candles.version(market) == 900


def test_threads_that_revise_the_same_candles_lose_no_revision(url, market, make_candles, now):
    candles = make_candles(20)
    database = Database(url)

    def revise(number):
        with Store(url) as store:
            return store.candles.upsert(market, candles * (1 + number), SOURCE, lambda: now)

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(revise, range(12)))
    query = "SELECT open_time, revision, close FROM candle_revisions ORDER BY open_time, revision"
    with database.reading() as connection:
        rows = connection.exec_driver_sql(query).all()
    database.engine.dispose()
    revisions = np.array([row[1] for row in rows]).reshape(20, 12)
    closes = np.array([row[2] for row in rows]).reshape(20, 12)
    assert (revisions == np.arange(1, 13)).all()
    assert np.allclose(np.sort(closes), np.outer(candles["close"], np.arange(1, 13)))
    assert sum(upserted.inserted for upserted in done) == 20
    # One upsert is one transaction: all its candles got the same revision.
    assert len(np.unique((closes / candles["close"].to_numpy()[:, None]).round(6), axis=0)) == 1


def test_locked_sqlite_says_so_and_works_again_when_free(sqlite_url, market, make_candles, now):
    candles = make_candles(5)
    other = sqlite3.connect(make_url(sqlite_url).database, isolation_level=None)
    with Store(sqlite_url + "?timeout=0.05") as store:
        store.candles.upsert(market, candles, SOURCE, lambda: now)
        other.execute("BEGIN IMMEDIATE").close()
        with pytest.raises(StoreUnavailable, match=r"locked by another process.*tried again"):
            store.candles.upsert(market, candles * 2, SOURCE, lambda: now)
        assert store.candles.read(market).equals(candles), "readers are not blocked"
        other.rollback()
        assert store.candles.upsert(market, candles * 2, SOURCE, lambda: now) == Upserted(0, 5, 0)
    other.close()


def test_locked_sqlite_cannot_be_migrated_and_says_so(tmp_path):
    path = tmp_path / "tidecast.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE").close()
    with Store(f"sqlite:///{path}?timeout=0.05") as store:
        with pytest.raises(StoreUnavailable, match="locked"):
            store.migrate()
        other.close()
        store.migrate()


def test_locked_market_on_postgres_says_so_and_works_again_when_free(
    postgres_url, market, make_candles, now
):
    options = "?options=-c%20lock_timeout%3D50"
    candles = make_candles(5)
    with Store(postgres_url + options) as store, psycopg.connect(postgres_url) as other:
        store.candles.upsert(market, candles, SOURCE, lambda: now)
        other.execute("SELECT * FROM candle_versions FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            store.candles.upsert(market, candles * 2, SOURCE, lambda: now)
        other.rollback()
        assert store.candles.upsert(market, candles * 2, SOURCE, lambda: now) == Upserted(0, 5, 0)


DISK_FULL = """
import resource

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

store.candles.upsert(MARKET, candles(10), SOURCE, lambda: NOW)
limit(200_000)
try:
    store.candles.upsert(MARKET, candles(20_000, price=2.0), SOURCE, lambda: NOW)
except StoreUnavailable as error:
    print(error, flush=True)
found = store.candles.read(MARKET)
print(len(found), set(found["close"]), flush=True)
limit(resource.RLIM_INFINITY)
print(store.candles.upsert(MARKET, candles(20_000, price=2.0), SOURCE, lambda: NOW), flush=True)
store.close()
"""


def test_full_disk_says_so_loses_nothing_and_works_again_when_there_is_room(sqlite_url):
    with start(DISK_FULL, sqlite_url) as writer:
        message, before, after = writer.stdout.read().splitlines()
    assert "disk" in message
    assert "free space" in message
    assert before == "10 {1.0}"
    assert after == "Upserted(inserted=19990, revised=10, unchanged=0)"


def test_full_database_is_told_apart_from_a_failing_disk(sqlite_url):
    database = Database(sqlite_url)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE ballast (filling BLOB)")
    full = pytest.raises(StoreUnavailable, match="the disk is full: free space")
    with full, database.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.exec_driver_sql("INSERT INTO ballast VALUES (zeroblob(1000000))")
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM ballast").scalar() == 0
    database.engine.dispose()


def test_stopped_postgres_says_so_and_heals_when_it_is_back(
    postgres, postgres_url, market, make_candles, now
):
    candles = make_candles(5)
    with Store(postgres_url) as store:
        store.candles.upsert(market, candles, SOURCE, lambda: now)
        postgres.stop()
        try:
            for call in (store.ping, store.migrate, lambda: store.candles.read(market)):
                with pytest.raises(StoreUnavailable, match=AWAY):
                    call()
        finally:
            postgres.start()
        store.ping()
        assert store.candles.read(market).equals(candles)


def test_postgres_stopped_before_the_commit_leaves_nothing(postgres, postgres_url, market):
    database = Database(postgres_url)
    try:
        with pytest.raises(StoreUnavailable, match=AWAY), database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO notes VALUES ('n', '{}', 0)")
            postgres.stop()
    finally:
        postgres.start()
    with Store(postgres_url) as store:
        assert store.notes.get("n") is None
    database.engine.dispose()


def test_session_ended_by_postgres_between_two_calls_is_not_noticed(postgres_url, market):
    with Store(postgres_url) as store, psycopg.connect(postgres_url) as other:
        assert store.candles.count(market) == 0
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
        )
        assert store.candles.count(market) == 0


def test_refused_connection_shows_no_password():
    url = "postgresql://tidecast:hidden@127.0.0.1:1/tidecast"
    with Store(url) as store, pytest.raises(StoreUnavailable, match=AWAY) as caught:
        store.ping()
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_missing_postgres_database_says_so(postgres):
    missing = pytest.raises(StoreUnavailable, match='database "nowhere" does not exist')
    with Store(postgres.url("nowhere")) as store, missing:
        store.ping()


def test_all_sessions_of_postgres_in_use_says_so(postgres):
    url = postgres.create_narrow(1)
    full = pytest.raises(StoreUnavailable, match="too many connections")
    with psycopg.connect(url), Store(url) as store, full:
        store.ping()


def test_store_without_tables_says_who_must_act(empty_url, market):
    with Store(empty_url) as store, pytest.raises(StoreUnavailable, match="migrate the store"):
        store.candles.count(market)


def test_file_that_is_no_database_says_so(tmp_path):
    path = tmp_path / "tidecast.db"
    path.write_text("this is not a database, and longer than a header of one" * 20)
    with Store(f"sqlite:///{path}") as store, pytest.raises(StoreUnusable, match="not a data"):
        store.migrate()


def test_damaged_database_says_so(sqlite_url, market, make_candles, now):
    with Store(sqlite_url) as store:
        store.candles.upsert(market, make_candles(2000), SOURCE, lambda: now)
    path = Path(make_url(sqlite_url).database)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with Store(sqlite_url) as store, pytest.raises(StoreUnusable, match="restore it from"):
        store.candles.read(market)


def test_folder_in_place_of_the_file_says_so(tmp_path):
    unopened = pytest.raises(StoreUnusable, match="cannot be opened: check its folder")
    with Store(f"sqlite:///{tmp_path}") as store, unopened:
        store.ping()


def test_file_in_place_of_the_folder_is_a_configuration_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="folder cannot be made"):
        Store(f"sqlite:///{tmp_path}/file/tidecast.db")
