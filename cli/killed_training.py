"""Ends the claim of a training that could not end it itself."""

from datetime import datetime

from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.timeframes import Market
from training.process_lock import TrainingLocks

KILLED = "its process was killed"


def end_killed_training(store: Store, settings: Settings, market: Market, now: datetime) -> bool:
    """End the claim of a training that was killed on this machine; False if there is none."""
    newest = store.retrainings.newest(market)
    if newest is None or newest.status != "running":
        return False
    if not TrainingLocks.of(settings).was_killed(market, newest.window):
        return False
    return store.retrainings.finish(market, newest.window, "failed", KILLED, now)
