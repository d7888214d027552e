"""What the board knows of a market, as messages."""

from service.board import MarketState
from service.messages import MarketModels, MarketReadiness, PromotionRecord
from tidecast.store import Promotion

HISTORY_SHOWN = 20


def models_of(state: MarketState) -> MarketModels:
    """Champion, the one before, the one that serves, and the newest of the history."""
    champion = state.wanted
    before = (promotion.previous for promotion in state.promotions)
    snapshot = state.snapshot
    return MarketModels(
        symbol=state.market.symbol,
        interval=state.market.interval,
        champion=champion.version if champion else None,
        previous=next(before, None),
        serving=snapshot.forecast.model_version if snapshot else None,
        trained_at=snapshot.origin.trained_at if snapshot else None,
        promoted_at=snapshot.origin.title.promoted_at if snapshot else None,
        history=[_record(promotion) for promotion in state.promotions[:HISTORY_SHOWN]],
    )


def _record(promotion: Promotion) -> PromotionRecord:
    return PromotionRecord(
        version=promotion.version,
        previous=promotion.previous,
        at=promotion.at,
        by=promotion.by,
        reason=promotion.reason,
        forced=promotion.forced,
    )


def readiness_of(state: MarketState) -> MarketReadiness:
    """Whether the market can be served, and what is missing if not."""
    snapshot = state.snapshot
    return MarketReadiness(
        symbol=state.market.symbol,
        interval=state.market.interval,
        ready=snapshot is not None,
        missing=None if snapshot else state.missing,
        cutoff=snapshot.forecast.cutoff if snapshot else None,
        model_version=snapshot.forecast.model_version if snapshot else None,
    )
