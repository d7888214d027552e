"""From a driver's error to ``StoreUnavailable`` with what happened and who must act."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from tidecast.errors import StoreUnavailable, StoreUnusable

_WAIT = "it is tried again; if it stays, find the process that holds the lock"
_DISK = "free space on its disk; nothing that was stored is lost"
_SERVER = "check that the database server runs and can be reached"
_NOT_MIGRATED = "a table or column is missing: migrate the store (every process does at its start)"

REASONS = {
    "SQLITE_BUSY": f"the database is locked by another process: {_WAIT}",
    "SQLITE_LOCKED": f"the database is locked: {_WAIT}",
    "SQLITE_FULL": f"the disk is full: {_DISK}",
    "SQLITE_IOERR": f"the disk cannot be read or written, perhaps it is full: {_DISK}",
    "SQLITE_CANTOPEN": "the database file cannot be opened: check its folder and permissions",
    "SQLITE_READONLY": "the database file cannot be written: check its permissions",
    "SQLITE_PERM": "the database file cannot be used: check its permissions",
    "SQLITE_CORRUPT": "the database file is damaged: restore it from a backup",
    "SQLITE_NOTADB": "the file is not a database: check the URL, or restore it from a backup",
    "SQLITE_PROTOCOL": f"the database is locked: {_WAIT}",
    "SQLITE_NOMEM": "the machine is out of memory",
    "08": f"the connection is lost: {_SERVER}",
    "25006": "the server is a read-only replica: point the URL at the primary",
    "28": "the server refuses the user or password: check the URL",
    "3D000": "the database does not exist: create it or check the URL",
    "40": "another transaction got in the way: it is tried again",
    "42501": "the user has no permission: grant it",
    "42P01": _NOT_MIGRATED,
    "42703": _NOT_MIGRATED,
    "53100": f"the server's disk is full: {_DISK}",
    "53200": "the server is out of memory",
    "53300": "the server has no connection left: raise max_connections or run fewer processes",
    "55P03": f"a row is locked by another process: {_WAIT}",
    "57014": "the statement took too long and was cancelled: check the load of the server",
    "57P": f"the server is stopping or starting: {_SERVER}",
    "58": f"the server cannot read or write its disk: {_DISK}",
    "XX001": "the database is damaged: restore it from a backup",
    "XX002": "an index is damaged: reindex, or restore the database from a backup",
}
"""Reason by SQLite's error name or PostgreSQL's SQLSTATE; a key is a prefix, the longest wins."""

UNUSABLE = (
    "SQLITE_CANTOPEN",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_PERM",
    "SQLITE_READONLY",
    "XX001",
    "XX002",
)
"""Prefixes of the codes that waiting does not cure. What a cluster provides while it starts, such
as the user, its password and the tables, is not among them."""


@contextmanager
def store_errors(where: str) -> Iterator[None]:
    """Map errors of the database that waiting or an operator can cure; let bugs through.

    Args:
        where: the database, without its password.

    Raises:
        StoreUnavailable: the database cannot be used now.
        StoreUnusable: nor later, unless the operator acts.
    """
    try:
        yield
    except exc.TimeoutError as error:
        reason = "all connections of this process are in use: it is tried again"
        raise StoreUnavailable(f"store {where}: {reason}") from error
    except exc.DBAPIError as error:
        found = _reason(error)
        if found is None:
            raise
        kind = StoreUnusable if _code(error).startswith(UNUSABLE) else StoreUnavailable
        raise kind(f"store {where}: {found} ({_first_line(error)})") from error
    except exc.StatementError as error:
        # A value that a column type refuses is the caller's mistake, not the database's.
        if error.orig is None:
            raise
        raise error.orig from error


def _reason(error: exc.DBAPIError) -> str | None:
    code = _code(error)
    known = [prefix for prefix in REASONS if code.startswith(prefix)]
    if known:
        return REASONS[max(known, key=len)]
    if code == "SQLITE_ERROR":
        missing = "no such table" in str(error.orig) or "no such column" in str(error.orig)
        return _NOT_MIGRATED if missing else None
    if error.connection_invalidated or isinstance(error, exc.OperationalError):
        return f"the database cannot be reached: {_SERVER}"
    return None


def _code(error: exc.DBAPIError) -> str:
    names = (getattr(error.orig, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return next((name for name in names if name), "")


def _first_line(error: exc.DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]
