"""Notices an empty store whose models are still in the registry."""

from tidecast.registry import ModelVersion
from tidecast.store import Store
from tidecast.timeframes import Market


def lost_history(store: Store, market: Market, champion: ModelVersion | None) -> str | None:
    """One line when the store knows nothing of a market whose champion is in the registry.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    known = store.promotions.newest(market) is not None or store.candles.count(market) > 0
    if champion is None or known:
        return None
    return (
        f"{market}: the store is empty, but version {champion.version} is champion in the registry:"
        " candles, forecasts and scores were lost, or TIDECAST_DATABASE_URL names another store."
        " To get them back, stop and restore the store from a backup"
    )
