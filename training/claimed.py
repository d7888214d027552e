"""A training that somebody claimed in the store: its end is written down, whatever it is."""

from collections.abc import Callable
from datetime import datetime

from tidecast.errors import StoreUnavailable
from tidecast.store import Store
from tidecast.telemetry import get_logger
from tidecast.timeframes import Market
from training.run import TrainingOutcome

_log = get_logger(__name__)


def train_claimed(
    store: Store,
    market: Market,
    window: str,
    train: Callable[[], TrainingOutcome],
    read_clock: Callable[[], datetime],
) -> TrainingOutcome:
    """Train and finish the claim; a training that breaks off counts as failed.

    Args:
        store: where the claim is.
        market: whose training.
        window: window that was claimed.
        train: does the work.
        read_clock: gives the instant of the end.
    """
    try:
        outcome = train()
    except BaseException as error:
        broken_off = TrainingOutcome("failed", None, None, str(error) or type(error).__name__)
        _finish(store, market, window, broken_off, read_clock())
        raise
    _finish(store, market, window, outcome, read_clock())
    return outcome


def _finish(
    store: Store, market: Market, window: str, outcome: TrainingOutcome, now: datetime
) -> None:
    """The outcome stands in the registry too: a store that is away must not hide it."""
    try:
        found = store.retrainings.finish(market, window, outcome.status, outcome.detail, now)
    except StoreUnavailable as error:
        _log.error("training_end_not_recorded", window=window, error=str(error))
    else:
        if not found:
            _log.warning("training_window_not_claimed", window=window)
