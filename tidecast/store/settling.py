"""Keeps the count of settled steps of a forecast: those scored or marked unscorable."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select, union, update

from tidecast.store.tables import forecasts, scores, unscorable_steps
from tidecast.timeframes import Market

ForecastKey = tuple[Market, datetime, str]
"""Market, cutoff and model version."""


@contextmanager
def settling(connection: Connection, keys: Iterable[ForecastKey]) -> Iterator[None]:
    """Settle steps of these forecasts within the context; at its end they are counted again.

    Others who settle steps of the same forecasts wait for the end of the transaction: PostgreSQL
    would let each count without the rows of the other.
    """
    ordered = sorted(set(keys))  # all lock in one order, so that none wait for each other
    for key in ordered:
        found = select(forecasts.c.horizon).where(_of(forecasts, key))
        connection.execute(found.with_for_update())
    yield
    for key in ordered:
        steps = union(*(select(table.c.step).where(_of(table, key)) for table in _SETTLED))
        count = select(func.count()).select_from(steps.subquery()).scalar_subquery()
        connection.execute(update(forecasts).where(_of(forecasts, key)).values(settled_steps=count))


_SETTLED = (scores, unscorable_steps)


def _of(table: Table, key: ForecastKey) -> ColumnElement[bool]:
    market, cutoff, model_version = key
    return and_(
        table.c.market == market,
        table.c.cutoff == cutoff,
        table.c.model_version == model_version,
    )
