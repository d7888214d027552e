"""Every forecast that was served, with its arrays bit for bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    and_,
    func,
    literal,
    select,
    type_coerce,
)

from tidecast.forecasts import Floats, Forecast
from tidecast.store.basis import Basis, check_basis
from tidecast.store.columns import MICROSECOND, to_microseconds
from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.settling import settling
from tidecast.store.tables import forecasts, scores, unscorable_steps
from tidecast.timeframes import Market

_table = forecasts.c


@dataclass(frozen=True)
class LoggedForecast:
    """A forecast and the circumstances of its making.

    Attributes:
        forecast: the forecast itself.
        issued_at: when it was made.
        source: ``exchange:pair`` of its newest candle.
        calibrated_at: cutoff of the calibration state that was used, None for the artefact's own.
        simulated: whether it was made on a simulated clock or replayed candles.
    """

    forecast: Forecast
    issued_at: datetime
    source: str
    calibrated_at: datetime | None
    simulated: bool


class ForecastLog:
    """One row per market, cutoff and model version; never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, logged: LoggedForecast, basis: Basis | None = None) -> bool:
        """Keep a forecast; False when its market, cutoff and model version are there already.

        Args:
            logged: the forecast.
            basis: the candles that it was made from; the forecast is kept only if they are those
                that the ledger has as of ``issued_at``. None for one that was not made from it.

        Raises:
            CandlesChanged: they are not; it has to be computed again.
        """
        with self._database.writing() as connection:
            if basis is not None:
                check_basis(connection, logged.forecast.market, basis, logged.issued_at)
            statement = insert_into(connection, forecasts).values(_row(logged))
            added = statement.on_conflict_do_nothing().returning(_table.horizon)
            return connection.execute(added).one_or_none() is not None

    def read(
        self,
        market: Market,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        model_version: str | None = None,
    ) -> list[LoggedForecast]:
        """Forecasts with cutoff in ``[start, end)``, oldest first; about 40 kB each."""
        conditions = [_table.market == market]
        if start is not None:
            conditions.append(_table.cutoff >= start)
        if end is not None:
            conditions.append(_table.cutoff < end)
        if model_version is not None:
            conditions.append(_table.model_version == model_version)
        statement = (
            select(forecasts).where(*conditions).order_by(_table.cutoff, _table.model_version)
        )
        with self._database.reading() as connection:
            return [_logged(row) for row in connection.execute(statement)]

    def newest(self, market: Market) -> LoggedForecast | None:
        """The forecast with the greatest cutoff, the last issued of these."""
        statement = (
            select(forecasts)
            .where(_table.market == market)
            .order_by(_table.cutoff.desc(), _table.issued_at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _logged(row)

    def cutoffs(self, market: Market) -> tuple[datetime, datetime] | None:
        """The least and the greatest cutoff of a market's forecasts, None without one."""
        statement = select(func.min(_table.cutoff), func.max(_table.cutoff)).where(
            _table.market == market
        )
        with self._database.reading() as connection:
            oldest, newest = connection.execute(statement).one()
        return None if oldest is None else (oldest, newest)

    def unscored(
        self, market: Market, matured_until: datetime, limit: int = 200
    ) -> list[tuple[LoggedForecast, list[int]]]:
        """Forecasts with steps that are due and neither scored nor marked unscorable.

        Args:
            market: whose forecasts.
            matured_until: steps with a target time at or before it are due.
            limit: most forecasts to return, oldest first.

        Returns:
            Each forecast with its due steps, increasing.
        """
        statement = (
            select(forecasts)
            .where(_table.market == market, _has_due_step(market, matured_until))
            .order_by(_table.cutoff, _table.model_version)
            .limit(limit)
        )
        found = []
        with self._database.reading() as connection:
            for row in connection.execute(statement).all():
                logged = _logged(row)
                steps = _due_steps(connection, logged.forecast, matured_until)
                if steps:
                    found.append((logged, steps))
        return found

    def mark_unscorable(
        self, forecast: Forecast, steps: Sequence[int], reason: str, marked_at: datetime
    ) -> int:
        """Give up on steps, for example because their candle will never come.

        Returns:
            How many were not marked before.
        """
        if not steps:
            return 0
        key = (forecast.market, forecast.cutoff, forecast.model_version)
        shared = {
            **dict(zip(("market", "cutoff", "model_version"), key, strict=True)),
            "reason": reason,
            "marked_at": marked_at,
        }
        rows = [{**shared, "step": step} for step in steps]
        with self._database.writing() as connection, settling(connection, [key]):
            statement = insert_into(connection, unscorable_steps).on_conflict_do_nothing()
            added = connection.execute(statement.returning(unscorable_steps.c.step), rows)
            return len(added.all())


def _has_due_step(market: Market, matured_until: datetime) -> ColumnElement[bool]:
    """Settled steps are due steps, so one is left when fewer are settled than are due."""
    length = literal(market.length // MICROSECOND, BigInteger)
    settled = type_coerce(_table.settled_steps, BigInteger)
    next_due = type_coerce(_table.cutoff, BigInteger) + (settled + 1) * length
    return and_(_table.settled_steps < _table.horizon, next_due <= to_microseconds(matured_until))


def _due_steps(connection: Connection, forecast: Forecast, matured_until: datetime) -> list[int]:
    settled: set[int] = set()
    for table in (scores, unscorable_steps):
        statement = select(table.c.step).where(
            table.c.market == forecast.market,
            table.c.cutoff == forecast.cutoff,
            table.c.model_version == forecast.model_version,
        )
        settled.update(connection.scalars(statement))
    due = enumerate(forecast.target_times, start=1)
    return [step for step, time in due if time <= matured_until and step not in settled]


def _row(logged: LoggedForecast) -> dict[str, Any]:
    forecast = logged.forecast
    horizon, levels = forecast.quantiles.shape
    return {
        "market": forecast.market,
        "cutoff": forecast.cutoff,
        "model_version": forecast.model_version,
        "close": forecast.close,
        "horizon": horizon,
        "levels": levels,
        "mean": _to_bytes(forecast.mean, (horizon,)),
        "quantiles": _to_bytes(forecast.quantiles, (horizon, levels)),
        "baseline_quantiles": _to_bytes(forecast.baseline_quantiles, (horizon, levels)),
        "issued_at": logged.issued_at,
        "source": logged.source,
        "calibrated_at": logged.calibrated_at,
        "simulated": logged.simulated,
    }


def _logged(row: Row[Any]) -> LoggedForecast:
    shape = (row.horizon, row.levels)
    forecast = Forecast(
        market=row.market,
        cutoff=row.cutoff,
        close=row.close,
        mean=_from_bytes(row.mean, (row.horizon,)),
        quantiles=_from_bytes(row.quantiles, shape),
        baseline_quantiles=_from_bytes(row.baseline_quantiles, shape),
        model_version=row.model_version,
    )
    return LoggedForecast(forecast, row.issued_at, row.source, row.calibrated_at, row.simulated)


def _to_bytes(array: Floats, shape: tuple[int, ...]) -> bytes:
    if array.shape != shape:
        raise ValueError(f"an array of the forecast has shape {array.shape}, expected {shape}")
    return np.ascontiguousarray(array, dtype="<f8").tobytes()


def _from_bytes(blob: bytes, shape: tuple[int, ...]) -> Floats:
    return np.frombuffer(blob, dtype="<f8").reshape(shape).astype(np.float64)
