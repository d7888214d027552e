"""Whether the history has grown enough for a better model than the champion."""

from datetime import datetime

from monitoring.champion import Champion
from monitoring.decision import Attempt
from tidecast.models.ladder import higher_rung
from tidecast.store import Store
from tidecast.timeframes import Market

GROWTH = 1.25
"""A model that the gate refused is tried again when the number of candles has grown by this factor.

Not measured: chosen so that a history costs about three tries until it has doubled."""


def longer_history(
    store: Store, market: Market, champion: Champion | None, last: Attempt | None
) -> tuple[str, ...]:
    """The reason to challenge the champion by a model that needs more candles; none is empty.

    Args:
        store: where the candles are.
        market: whose champion.
        champion: what is known of it, None when it cannot be read.
        last: last retraining of the market.
    """
    if champion is None or champion.model is None:
        return ()
    candles = store.candles.count(market)
    rung = higher_rung(champion.model, market.interval, champion.horizon, candles)
    if rung is None:
        return ()
    tried_at: datetime = champion.trained_at
    if last is not None and not last.failed:
        tried_at = max(tried_at, last.at)
    tried = store.candles.count(market, end=tried_at)
    rung_then = higher_rung(champion.model, market.interval, champion.horizon, tried)
    if candles < GROWTH * tried and rung_then == rung:
        return ()
    return (f"longer history: {candles:,} candles are enough for the {rung.model}",)
