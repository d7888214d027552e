"""How good each step of each forecast turned out to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import BigInteger, Column, ColumnElement, Text, select, type_coerce

from tidecast.store.columns import Flag, MarketText, Real, UtcTime, Whole
from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.settling import settling
from tidecast.store.tables import scores
from tidecast.timeframes import Market

if TYPE_CHECKING:
    from tidecast.evaluation.scoring import Score

_table = scores.c
_RAW_TYPES: dict[type, BigInteger | Text] = {UtcTime: BigInteger(), MarketText: Text()}
_DTYPES = {
    UtcTime: "datetime64[us, UTC]",
    MarketText: "str",
    Text: "str",
    Whole: "int64",
    Real: "float64",
    Flag: "bool",
}


class ScoreLog:
    """One row per market, cutoff, step and model version; never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, added: Sequence[Score]) -> int:
        """Keep scores that are not there yet, in one transaction; returns how many."""
        if not added:
            return 0
        rows = [_row(score) for score in added]
        keys = [(score.market, score.cutoff, score.model_version) for score in added]
        with self._database.writing() as connection, settling(connection, keys):
            statement = insert_into(connection, scores).on_conflict_do_nothing()
            return len(connection.execute(statement.returning(_table.step), rows).all())

    def read(
        self,
        market: Market,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        step: int | None = None,
        model_version: str | None = None,
    ) -> pd.DataFrame:
        """Scores with cutoff in ``[start, end)``, ordered by cutoff and step.

        Returns:
            One row per score, the columns named as the fields of ``Score``; ``market`` is its
            text ``BTC-USD:1h``, the times are UTC with microseconds.
        """
        conditions = [_table.market == market]
        if start is not None:
            conditions.append(_table.cutoff >= start)
        if end is not None:
            conditions.append(_table.cutoff < end)
        if step is not None:
            conditions.append(_table.step == step)
        if model_version is not None:
            conditions.append(_table.model_version == model_version)
        order = (_table.cutoff, _table.step, _table.model_version)
        statement = select(*map(_raw, scores.columns)).where(*conditions).order_by(*order)
        with self._database.reading() as connection:
            frame = pd.DataFrame(connection.execute(statement).all(), columns=scores.columns.keys())
        return frame.astype({column.name: _DTYPES[type(column.type)] for column in scores.columns})


def _row(score: Score) -> dict[str, Any]:
    return {field.name: getattr(score, field.name) for field in fields(score)}


def _raw(column: Column[Any]) -> ColumnElement[Any]:
    """The column as the database has it: pandas converts whole columns faster than we rows."""
    raw = _RAW_TYPES.get(type(column.type))
    return column if raw is None else type_coerce(column, raw).label(column.name)
