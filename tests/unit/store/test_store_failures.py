import psycopg.errors
import pytest
from sqlalchemy import create_engine, exc
from sqlalchemy.pool import QueuePool

from tidecast.errors import StoreUnavailable
from tidecast.store.failures import store_errors


def sqlalchemy_error(driver_error, kind=exc.OperationalError):
    return kind("SELECT 1", {}, driver_error)


@pytest.mark.parametrize(
    ("driver_error", "message"),
    [
        (psycopg.errors.DiskFull("no space left"), "the server's disk is full: free space"),
        (psycopg.errors.AdminShutdown("bye"), "stopping or starting: check that"),
        (psycopg.errors.ConnectionFailure("gone"), "the connection is lost: check that"),
        (psycopg.errors.TooManyConnections("full"), "raise max_connections"),
        (psycopg.errors.QueryCanceled("slow"), "took too long"),
        (psycopg.errors.DeadlockDetected("knot"), "another transaction"),
        (psycopg.errors.ReadOnlySqlTransaction("replica"), "point the URL at the primary"),
        (psycopg.errors.InsufficientPrivilege("no"), "grant it"),
        (psycopg.errors.InvalidPassword("no"), "refuses the user or password"),
        (psycopg.errors.DataCorrupted("bad page"), "restore it from a backup"),
        (psycopg.OperationalError("connection refused"), "cannot be reached: check that"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_postgres_error_is_named_with_who_must_act(driver_error, message):
    unavailable = pytest.raises(StoreUnavailable, match=message)
    with unavailable as caught, store_errors("postgresql://db/x"):
        raise sqlalchemy_error(driver_error)
    assert str(driver_error) in str(caught.value)
    assert isinstance(caught.value.__cause__, exc.DBAPIError)


def test_exhausted_pool_is_named():
    engine = create_engine(
        "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01
    )
    exhausted = pytest.raises(StoreUnavailable, match="all connections .* in use")
    with engine.connect(), exhausted, store_errors("sqlite://"):
        engine.connect()
    engine.dispose()


def test_mistake_in_a_statement_is_not_hidden():
    engine = create_engine("sqlite://")
    mistake = pytest.raises(exc.OperationalError, match="syntax error")
    with mistake, store_errors("sqlite://"), engine.connect() as connection:
        connection.exec_driver_sql("SELEKT 1")
    engine.dispose()


def test_broken_constraint_is_not_hidden():
    error = sqlalchemy_error(psycopg.errors.UniqueViolation("twice"), exc.IntegrityError)
    with pytest.raises(exc.IntegrityError), store_errors("postgresql://db/x"):
        raise error
