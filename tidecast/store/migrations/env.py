"""Alembic's entry: migrates over the connection that it is given, in that one's transaction."""

from alembic import context

from tidecast.store.migrations import VERSION_TABLE
from tidecast.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
