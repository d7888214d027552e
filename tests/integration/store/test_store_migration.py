import logging
import re
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DBAPIError

from tidecast.store import Store
from tidecast.store.database import Database
from tidecast.store.migration import FOLDER, alembic_config, current_revision
from tidecast.store.migrations import HEAD, VERSION_TABLE
from tidecast.store.tables import metadata

HOUR = timedelta(hours=1)
SOURCE = "coinbase:BTC-USD"
SCRIPTS = ScriptDirectory(str(FOLDER))
REVISIONS = sorted(script.revision for script in SCRIPTS.walk_revisions())


@pytest.fixture
def migrate_to(empty_url):
    """Moves the empty database to a revision, up or down."""
    database = Database(empty_url)

    def move(revision, direction=command.upgrade):
        with database.migrating() as connection:
            direction(alembic_config(connection), revision)

    yield move
    database.engine.dispose()


def read_revision(url):
    database = Database(url)
    with database.reading() as connection:
        revision = current_revision(connection)
    database.engine.dispose()
    return revision


def test_head_is_the_newest_script():
    assert SCRIPTS.get_heads() == [HEAD]


def test_migrations_make_the_tables_of_the_code(url):
    database = Database(url)
    options = {
        "version_table": VERSION_TABLE,
        "compare_type": True,
        "compare_server_default": True,
    }
    with database.reading() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts=options), metadata
        )
    database.engine.dispose()
    assert differences == []


def test_migrations_make_the_sqlite_tables_to_the_letter(sqlite_url, tmp_path):
    created = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(created)
    migrated = create_engine(sqlite_url)
    listing = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name != ?"
    found = []
    for engine in (created, migrated):
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(listing, (VERSION_TABLE,))
            found.append({name: re.sub(r"\W+", " ", sql) for name, sql in rows})
        engine.dispose()
    assert found[0] == found[1]


def test_migrate_makes_the_folder_of_the_file(tmp_path):
    with Store(f"sqlite:///{tmp_path}/not/there/yet/tidecast.db") as store:
        store.migrate()
        store.ping()


def test_migrate_sets_write_ahead_logging(sqlite_url):
    database = Database(sqlite_url)
    with database.reading() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    database.engine.dispose()
    assert settings == ["wal", 1, 1, 5000]


@pytest.mark.parametrize("revision", REVISIONS)
def test_migrate_upgrades_from_each_revision(empty_url, migrate_to, revision):
    migrate_to(revision)
    with Store(empty_url) as store:
        store.migrate()
    assert read_revision(empty_url) == HEAD


def test_downgrade_and_upgrade_keep_the_rows(
    empty_url, migrate_to, market, make_candles, make_forecast, now
):
    migrate_to("head")
    candles, logged = make_candles(50), make_forecast()
    with Store(empty_url) as store:
        store.candles.upsert(market, candles, SOURCE, lambda: now)
        store.candles.upsert(market, candles[-1:] * 1.01, SOURCE, lambda: now + HOUR)
        store.forecasts.add(logged)
        store.close()  # a pooled connection may know the old tables
        migrate_to("0002", command.downgrade)
        migrate_to("head")
        assert store.candles.read(market, as_of=now).equals(candles)
        assert store.candles.version(market) == 51
        kept = store.forecasts.newest(market).forecast
        assert kept.quantiles.tobytes() == logged.forecast.quantiles.tobytes()


def test_downgrade_to_base_leaves_no_table(empty_url, migrate_to):
    migrate_to("head")
    migrate_to("base", command.downgrade)
    database = Database(empty_url)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == [VERSION_TABLE]
    database.engine.dispose()


def test_traffic_goes_on_while_the_tables_are_rolled_back_and_upgraded(
    empty_url, migrate_to, market, make_candles, now
):
    migrate_to("head")
    candles, stopped, failures, rounds = make_candles(100), threading.Event(), [], []

    def traffic(store):
        try:
            while not stopped.is_set():
                store.candles.upsert(market, candles * (1 + len(rounds)), SOURCE, lambda: now)
                rounds.append(len(store.candles.read(market)))
        except Exception as error:
            failures.append(error)

    with Store(empty_url) as store:
        thread = threading.Thread(target=traffic, args=[store])
        thread.start()
        for _ in range(3):
            migrate_to("0002", command.downgrade)
            migrate_to("head")
        stopped.set()
        thread.join()
    assert failures == []
    assert rounds
    assert set(rounds) == {100}


MIGRATE_MANY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from tidecast.store import Store

def migrate(url):
    with Store(url) as store:
        store.migrate()

print("ready", flush=True)
input()
with ThreadPoolExecutor(4) as threads:
    list(threads.map(migrate, sys.argv[1:] * 4))
"""


def test_many_processes_may_migrate_at_once(empty_url, market):
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", MIGRATE_MANY, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == ["", ""]
    with Store(empty_url) as store:
        assert store.candles.count(market) == 0


MIGRATE_CURRENT = """
import sys
from tidecast.store import Store

with Store(sys.argv[1]) as store:
    store.migrate()
sys.exit("alembic" in sys.modules)
"""


def test_migrate_of_a_current_store_does_without_alembic(sqlite_url):
    subprocess.run([sys.executable, "-c", MIGRATE_CURRENT, sqlite_url], check=True)


def test_failed_migration_leaves_nothing(empty_url):
    database = Database(empty_url)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (foreign_to_us INTEGER)")
    with Store(empty_url) as store, pytest.raises(DBAPIError, match="notes.* already exists"):
        store.migrate()
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["notes"]
    database.engine.dispose()


def test_store_of_a_newer_version_is_left_as_it_is(url, caplog):
    database = Database(url)
    set_revision = f"UPDATE {VERSION_TABLE} SET version_num = "
    try:
        with database.writing() as connection:
            connection.exec_driver_sql(set_revision + "'9999'")
        with Store(url) as store, caplog.at_level(logging.WARNING):
            store.migrate()
            store.ping()
        assert read_revision(url) == "9999"
        assert "9999" in caplog.text
    finally:
        with database.writing() as connection:
            connection.exec_driver_sql(f"{set_revision} '{HEAD}'")
        database.engine.dispose()


def test_migrate_minds_no_other_user_of_alembic_in_the_database(empty_url):
    database = Database(empty_url)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('of_mlflow')")
    with Store(empty_url) as store:
        store.migrate()
    assert read_revision(empty_url) == HEAD
    with database.reading() as connection:
        others = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    database.engine.dispose()
    assert others == "of_mlflow"
