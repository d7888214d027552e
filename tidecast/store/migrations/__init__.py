"""Alembic migrations of the store, run by ``tidecast.store.migration`` and packaged with it.

A migration only adds (tables, nullable columns, indexes), so that processes of the version before
go on working beside it, and can be rolled back to. A new one is a file in ``versions`` named
``r<revision>_<topic>.py``; name it in ``HEAD`` and change ``tables.py`` in the same commit.
"""

HEAD = "0004"
"""Newest revision. Written down here so that a start with nothing to do needs no Alembic."""

VERSION_TABLE = "tidecast_schema"
"""Not Alembic's default: MLflow uses that one, and the two may share a database."""
