"""States of the online calibration, so that a forecast can be made again."""

import zlib
from datetime import datetime

from sqlalchemy import select

from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.tables import calibrations
from tidecast.timeframes import Market

_table = calibrations.c


class CalibrationLog:
    """One state per market, model version and cutoff; the first one stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, market: Market, model_version: str, cutoff: datetime, state: str) -> bool:
        """Keep a state; False when there is one for this cutoff already, which then stays.

        A logged forecast names the cutoff of the state it used, so that state must not change.

        Args:
            market: whose state.
            model_version: of which model.
            cutoff: newest instant that the state knows of.
            state: JSON text.
        """
        row = {
            "market": market,
            "model_version": model_version,
            "cutoff": cutoff,
            "state": zlib.compress(state.encode()),
        }
        with self._database.writing() as connection:
            statement = insert_into(connection, calibrations).values(row)
            added = statement.on_conflict_do_nothing().returning(_table.cutoff)
            return connection.execute(added).one_or_none() is not None

    def get(
        self, market: Market, model_version: str, as_of: datetime | None = None
    ) -> tuple[datetime, str] | None:
        """Cutoff and JSON text of the newest state, with cutoff at or before ``as_of``."""
        statement = (
            select(_table.cutoff, _table.state)
            .where(_table.market == market, _table.model_version == model_version)
            .order_by(_table.cutoff.desc())
            .limit(1)
        )
        if as_of is not None:
            statement = statement.where(_table.cutoff <= as_of)
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else (row.cutoff, zlib.decompress(row.state).decode())
