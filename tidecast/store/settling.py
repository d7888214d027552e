"""Keeps the count of settled steps of a forecast: those scored or marked unscorable."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Select, Table, func, select, union, update

from tidecast.store.tables import forecasts, scores, unscorable_steps
from tidecast.timeframes import Market

ForecastKey = tuple[Market, datetime, str]


def count_settled(connection: Connection, keys: Iterable[ForecastKey]) -> None:
    """Count the settled steps of these forecasts again, in the transaction that added some."""
    for market, cutoff, model_version in keys:
        steps = union(*(_steps(table, market, cutoff, model_version) for table in _SETTLING))
        connection.execute(
            update(forecasts)
            .where(
                forecasts.c.market == market,
                forecasts.c.cutoff == cutoff,
                forecasts.c.model_version == model_version,
            )
            .values(
                settled_steps=select(func.count()).select_from(steps.subquery()).scalar_subquery()
            )
        )


_SETTLING = (scores, unscorable_steps)


def _steps(
    table: Table, market: Market, cutoff: datetime, model_version: str
) -> Select[tuple[int]]:
    return select(table.c.step).where(
        table.c.market == market,
        table.c.cutoff == cutoff,
        table.c.model_version == model_version,
    )
