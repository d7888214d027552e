"""What a forecast was made from, so that the store can hold it to that.

A forecast that is kept says: it was made from the candles that the ledger had at ``issued_at``. A
candle that is committed between reading and keeping, with an earlier ``first_seen_at``, would make
that untrue.
"""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, func, select

from tidecast.errors import CandlesChanged
from tidecast.store.tables import candle_revisions
from tidecast.store.turns import take_turn
from tidecast.timeframes import Market, format_rfc3339

_table = candle_revisions.c


@dataclass(frozen=True)
class Basis:
    """Which candles a forecast was made from.

    Attributes:
        start: first open time; None when all candles before the cutoff were read.
        end: open time before which they end, the cutoff.
        revisions: how many values there were, replaced ones too.
        seen_at: newest ``first_seen_at`` of these; None without candles.
    """

    start: datetime | None
    end: datetime
    revisions: int
    seen_at: datetime | None

    def issued_at(self, now: datetime) -> datetime:
        """When a forecast from them is issued: now, but not before the newest was seen.

        The clock of the machine that fetched them may be ahead of this one's.
        """
        return now if self.seen_at is None else max(now, self.seen_at)


@dataclass(frozen=True)
class CandleWindow:
    """Candles as one statement read them, and what identifies them."""

    candles: pd.DataFrame
    basis: Basis


def check_basis(connection: Connection, market: Market, basis: Basis, issued_at: datetime) -> None:
    """Check that the ledger as of ``issued_at`` has these candles and no other.

    A later writer waits for this transaction and reads its clock after it, so the check still
    holds after the commit.

    Raises:
        CandlesChanged: it has others.
    """
    take_turn(connection, market)
    conditions = [
        _table.market == market,
        _table.open_time < basis.end,
        _table.first_seen_at <= issued_at,
    ]
    if basis.start is not None:
        conditions.append(_table.open_time >= basis.start)
    counting = select(func.count()).select_from(candle_revisions).where(*conditions)
    known = int(connection.scalar(counting) or 0)
    if known != basis.revisions:
        raise CandlesChanged(
            f"{market}: {known} values of candles were known at {format_rfc3339(issued_at)}, "
            f"the forecast was made from {basis.revisions}; compute it again"
        )
