"""Which model version became champion when, why and by whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from tidecast.store.database import Database
from tidecast.store.tables import promotions
from tidecast.timeframes import Market


@dataclass(frozen=True)
class Promotion:
    """One move of the champion.

    Attributes:
        id: increases with every promotion.
        previous: version that was champion before, None for the first.
        by: person or process.
        forced: whether the gate was overruled.
        verdict: what the gate said, with its figures.
    """

    id: int
    market: Market
    version: str
    previous: str | None
    at: datetime
    by: str
    reason: str
    forced: bool
    verdict: dict[str, Any]


class PromotionLog:
    """Append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        market: Market,
        version: str,
        *,
        previous: str | None,
        at: datetime,
        by: str,
        reason: str,
        forced: bool = False,
        verdict: dict[str, Any] | None = None,
    ) -> Promotion:
        """Write a promotion down."""
        row = {
            "market": market,
            "version": version,
            "previous": previous,
            "at": at,
            "by": by,
            "reason": reason,
            "forced": forced,
            "verdict": verdict or {},
        }
        statement = insert(promotions).values(row).returning(*promotions.columns)
        with self._database.writing() as connection:
            return Promotion(*connection.execute(statement).one())

    def newest(self, market: Market) -> Promotion | None:
        """The last promotion: its version is the champion."""
        return next(iter(self.history(market, limit=1)), None)

    def history(self, market: Market, limit: int = 50) -> list[Promotion]:
        """The last promotions, newest first."""
        statement = (
            select(promotions)
            .where(promotions.c.market == market)
            .order_by(promotions.c.id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [Promotion(*row) for row in connection.execute(statement)]
