"""One training at a time for each market, whoever asks: the claim lies in the store."""

from collections.abc import Callable
from datetime import timedelta

from cli.killed_training import end_killed_training
from tidecast.errors import RetryLater
from tidecast.registry import Registry
from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.timeframes import Market
from training.claimed import train_claimed
from training.process_lock import TrainingLocks
from training.run import TrainingOutcome, train_market


def train_once(
    store: Store,
    registry: Registry,
    settings: Settings,
    market: Market,
    reason: str,
    progress: Callable[[str], None],
) -> TrainingOutcome:
    """Claim the training, run it here, and write down how it ended.

    Raises:
        RetryLater: another training of the market runs.
        TidecastError: the training could not be run.
    """
    clock = settings.clock.build()
    now = clock.now()
    if end_killed_training(store, settings, market, now):
        progress(f"the last training of {market} was killed; starting another")
    # With microseconds: a window is claimed once, and after a replay every command begins at the
    # same instant.
    window = f"manual-{now:%Y%m%dT%H%M%S.%f}"
    # The lease is time of the clock that `now` is read from, and that may run fast.
    speed = 1 / clock.real_seconds(timedelta(seconds=1))
    lease_seconds = settings.training.timeout_seconds * speed
    if not store.retrainings.claim(market, window, reason, now, lease_seconds):
        raise RetryLater(f"another training of {market} runs")

    def train() -> TrainingOutcome:
        return train_market(
            store, registry, settings, market, now, reason, progress, read_clock=clock.now
        )

    # Held until the end is written down, or a training that ended would look like a killed one.
    with TrainingLocks.of(settings).held(market, window):
        return train_claimed(store, market, window, train, clock.now)
