"""Brings a database to the newest revision of the tables."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Text, column, inspect, select, table

from tidecast.store.database import Database
from tidecast.store.migrations import HEAD, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"

_log = logging.getLogger(__name__)


def migrate(database: Database) -> None:
    """Upgrade to ``HEAD``; of several that start at once one does it, the others wait for it.

    A database at an unknown revision was migrated by a newer Tidecast. Migrations only add, so it
    is left as it is: rolling the program back must not need a rollback of the database.

    Raises:
        StoreUnavailable: the database cannot be used now.
    """
    with database.reading() as connection:
        if current_revision(connection) == HEAD:
            return
    with database.migrating() as connection:
        upgrade(connection)


def current_revision(connection: Connection) -> str | None:
    """Revision that the database is at, None for an empty one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = select(column("version_num", Text)).select_from(table(VERSION_TABLE))
    return connection.execute(version).scalar_one_or_none()


def upgrade(connection: Connection) -> None:
    """Upgrade in the transaction of the connection, unless the revision is a newer, unknown one."""
    # Alembic takes long to import, and most starts find nothing to do.
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    revision = current_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        _log.warning("store_is_newer: the database is at revision %s, known is %s", revision, HEAD)
        return
    command.upgrade(config, "head")


def alembic_config(connection: Connection) -> "Config":
    """What Alembic's commands need to work on this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
