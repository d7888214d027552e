"""Retrainings, at most one at a time per market and one per window, whoever asks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, select, update

from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.tables import retrainings
from tidecast.timeframes import Market

Outcome = Literal["promoted", "kept", "failed"]
Status = Literal["running", "promoted", "kept", "failed"]

LEASE_EXPIRED = "lease expired: the training did not report its end in time"

_table = retrainings.c


@dataclass(frozen=True)
class Retraining:
    """One retraining; ``window`` names the span of time in which there is at most one."""

    market: Market
    window: str
    requested_at: datetime
    reason: str
    status: Status
    finished_at: datetime | None
    detail: str


class RetrainingLog:
    """Claims and ends of retrainings. Two unique indexes of the database make a claim single."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, market: Market, window: str, reason: str, now: datetime, lease_seconds: float
    ) -> bool:
        """Try to become the one who retrains.

        True for exactly one caller per market and window, and never while another retraining of
        the market is running and its lease has not expired. A running one whose lease is over
        is marked failed.

        Args:
            market: which market.
            window: name of the window, the same for all who see the same trigger.
            reason: why, for people.
            now: current instant.
            lease_seconds: how long a training may take before it counts as dead.
        """
        row = {
            "market": market,
            "window": window,
            "requested_at": now,
            "reason": reason,
            "status": "running",
            "lease_until": now + timedelta(seconds=lease_seconds),
            "detail": "",
        }
        with self._database.writing() as connection:
            _expire(connection, market, now)
            statement = insert_into(connection, retrainings).values(row)
            claimed = statement.on_conflict_do_nothing().returning(_table.id)
            return connection.execute(claimed).one_or_none() is not None

    def finish(
        self, market: Market, window: str, status: Outcome, detail: str, now: datetime
    ) -> bool:
        """Write the end down, also after the lease.

        Nothing replaces a success. A success replaces a failure: who watches a training may take
        it for dead, the training itself knows.

        Returns:
            False when nobody claimed the window, or another end stays.
        """
        replaceable = ["running"] if status == "failed" else ["running", "failed"]
        statement = (
            update(retrainings)
            .where(_table.market == market, _table.window == window)
            .where(_table.status.in_(replaceable))
            .values(status=status, detail=detail, finished_at=now)
            .returning(_table.id)
        )
        with self._database.writing() as connection:
            return connection.execute(statement).one_or_none() is not None

    def withdraw(self, market: Market, window: str) -> None:
        """Give back a claim whose training was never started, so that it can be claimed again."""
        with self._database.writing() as connection:
            connection.execute(
                delete(retrainings).where(
                    _table.market == market, _table.window == window, _table.status == "running"
                )
            )

    def newest(self, market: Market) -> Retraining | None:
        """The last retraining that was claimed."""
        return next(iter(self.history(market, limit=1)), None)

    def history(self, market: Market, limit: int = 50) -> list[Retraining]:
        """The last retrainings, newest first."""
        columns = [_table[name] for name in Retraining.__dataclass_fields__]
        statement = (
            select(*columns).where(_table.market == market).order_by(_table.id.desc()).limit(limit)
        )
        with self._database.reading() as connection:
            return [Retraining(*row) for row in connection.execute(statement)]


def _expire(connection: Connection, market: Market, now: datetime) -> None:
    connection.execute(
        update(retrainings)
        .where(_table.market == market, _table.status == "running", _table.lease_until <= now)
        .values(status="failed", detail=LEASE_EXPIRED, finished_at=now)
    )
