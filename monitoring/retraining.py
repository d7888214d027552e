"""One retraining from its claim to its end, as the store remembers it."""

from datetime import datetime, timedelta
from typing import Literal

from monitoring.alerts import announce_failure, announce_start
from monitoring.decision import Attempt
from monitoring.metrics import count_retraining
from monitoring.trigger import Ended, Trigger
from tidecast.errors import RetryLater
from tidecast.exit_codes import ExitCode
from tidecast.store import Retraining, Store
from tidecast.telemetry import get_logger
from tidecast.timeframes import EPOCH, Market

LEASE_OVER = "no end was reported in time: the training or its monitor died"

_log = get_logger(__name__)


def window_key(now: datetime, cooldown: timedelta) -> str:
    """Name of the span of one cool-down that ``now`` lies in, the same for all monitors.

    A retraining that is asked again after its cool-down always falls into a later span.
    """
    return (now - (now - EPOCH) % cooldown).strftime("%Y%m%dT%H%M%S")


def last_attempt(
    store: Store, market: Market, now: datetime, lease_seconds: float
) -> Attempt | None:
    """The last retraining; one whose end is overdue is marked failed, and a failure announced."""
    newest = store.retrainings.newest(market)
    if newest is None:
        return None
    lease_over = newest.requested_at + timedelta(seconds=lease_seconds) <= now
    if newest.status == "running" and lease_over:
        _finish(store, newest, "failed", LEASE_OVER, now)
        return Attempt(newest.requested_at, failed=True)
    if newest.status == "failed":
        announce_failure(store, newest, now)
    return Attempt(newest.requested_at, failed=newest.status == "failed")


def request(
    store: Store,
    trigger: Trigger,
    market: Market,
    window: str,
    reason: str,
    now: datetime,
    lease_seconds: float,
) -> bool:
    """Claim a retraining and start it; False when another monitor has it.

    A training that cannot be started is a failed one: its cool-down holds, so that a broken
    machine is not asked again every second.
    """
    if not store.retrainings.claim(market, window, reason, now, lease_seconds):
        count_retraining(market, "lost")
        return False
    count_retraining(market, "started")
    _log.info("retraining_started", market=str(market), window=window, reason=reason)
    announce_start(store, market, window, reason, now)
    try:
        trigger.start(market, window, reason)
    except RetryLater as e:
        record_end(store, Ended(market, window, None, str(e)), now)
    return True


def record_end(store: Store, ended: Ended, now: datetime) -> None:
    """Write down how a training ended, unless it did so itself, and announce a failure."""
    row = _row(store, ended)
    if row is None:
        return
    if row.status == "running":
        row = _finish(store, row, _outcome(store, row, ended), ended.detail, now)
    elif row.status == "failed":
        announce_failure(store, row, now)
    count_retraining(ended.market, row.status)
    _log.info(
        "retraining_ended",
        market=str(row.market),
        window=row.window,
        status=row.status,
        detail=row.detail,
    )


def _row(store: Store, ended: Ended) -> Retraining | None:
    history = store.retrainings.history(ended.market)
    return next((row for row in history if row.window == ended.window), None)


def _outcome(store: Store, row: Retraining, ended: Ended) -> Literal["promoted", "kept", "failed"]:
    if ended.code != ExitCode.OK:
        return "failed"
    promotion = store.promotions.newest(row.market)
    promoted = promotion is not None and promotion.at >= row.requested_at
    return "promoted" if promoted else "kept"


def _finish(
    store: Store,
    row: Retraining,
    status: Literal["promoted", "kept", "failed"],
    detail: str,
    now: datetime,
) -> Retraining:
    store.retrainings.finish(row.market, row.window, status, detail, now)
    ended = Retraining(row.market, row.window, row.requested_at, row.reason, status, now, detail)
    if status == "failed":
        announce_failure(store, ended, now)
    return ended
