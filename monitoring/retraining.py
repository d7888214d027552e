"""One retraining from its claim to its end, as the store remembers it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from monitoring.alerts import announce_failure, announce_refusal, announce_start
from monitoring.decision import Attempt
from monitoring.metrics import count_retraining
from monitoring.trigger import NO_FIGURES, Cause, Ended, StartPostponed, Trigger
from tidecast.errors import RetryLater
from tidecast.exit_codes import ExitCode
from tidecast.store import Retraining, Store
from tidecast.telemetry import get_logger
from tidecast.timeframes import EPOCH, Market

Outcome = Literal["promoted", "kept", "failed"]

LEASE_OVER = "no end was reported in time: the training or its monitor died"

_log = get_logger(__name__)


def window_key(now: datetime, cooldown: timedelta) -> str:
    """Name of the span of one cool-down that ``now`` lies in, the same for all monitors.

    A retraining that is asked again after its cool-down always falls into a later span.
    """
    return (now - (now - EPOCH) % cooldown).strftime("%Y%m%dT%H%M%S")


def last_attempt(
    store: Store, trigger: Trigger, market: Market, now: datetime, lease_seconds: float
) -> Attempt | None:
    """The last retraining; one whose end is overdue is marked failed, and a failure announced.

    A failure of a training that is still watched is not: a Job may try once more.
    """
    newest = store.retrainings.newest(market)
    if newest is None:
        return None
    lease_over = newest.requested_at + timedelta(seconds=lease_seconds) <= now
    if newest.status == "running" and lease_over:
        _finish(store, newest, "failed", LEASE_OVER, now, "vanished")
        return Attempt(newest.requested_at, failed=True)
    if newest.status == "failed" and not trigger.watches(market, newest.window):
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
    figures: Mapping[str, object] = NO_FIGURES,
) -> bool:
    """Claim a retraining and start it; False when another monitor has it.

    A training that cannot be started is a failed one: its cool-down holds, so that a broken
    machine is not asked again every second.

    Raises:
        StartPostponed: the claim was given back; a later round may ask again.
    """
    if not store.retrainings.claim(market, window, reason, now, lease_seconds):
        count_retraining(market, "lost")
        return False
    failure = None
    try:
        trigger.start(market, window, reason, figures)
    except StartPostponed as e:
        _give_back(store, market, window, reason, e, now)
        raise
    except RetryLater as e:
        failure = Ended(market, window, None, str(e))
    count_retraining(market, "started")
    _log.info("retraining_started", market=str(market), window=window, reason=reason)
    announce_start(store, market, window, reason, now)
    if failure is not None:
        record_end(store, failure, now)
    return True


def _give_back(
    store: Store, market: Market, window: str, reason: str, why: StartPostponed, now: datetime
) -> None:
    store.retrainings.withdraw(market, window)
    count_retraining(market, "postponed")
    if why.refused:
        announce_refusal(store, market, window, reason, str(why), now)


def record_end(store: Store, ended: Ended, now: datetime) -> None:
    """Write down how a training ended, unless it did so itself, and announce a failure.

    An end that another monitor has written down already is not counted again.
    """
    row = _row(store, ended)
    if row is None:
        return
    known = row.status != "running"
    if not known:
        outcome = _outcome(store, row, ended)
        row = _finish(store, row, outcome, ended.detail, now, ended.cause)
    elif row.status == "failed":
        announce_failure(store, _told(row, ended), now, ended.cause or "failed")
    if known and not ended.watched:
        return
    count_retraining(ended.market, row.status)
    _log.info(
        "retraining_ended",
        market=str(row.market),
        window=row.window,
        status=row.status,
        detail=row.detail,
    )


def _told(row: Retraining, ended: Ended) -> Retraining:
    """What the training said of its failure, and what was seen from outside."""
    return replace(row, detail=f"{row.detail}; {ended.detail}")


def _row(store: Store, ended: Ended) -> Retraining | None:
    history = store.retrainings.history(ended.market)
    return next((row for row in history if row.window == ended.window), None)


def _outcome(store: Store, row: Retraining, ended: Ended) -> Outcome:
    if ended.code != ExitCode.OK:
        return "failed"
    promotion = store.promotions.newest(row.market)
    promoted = promotion is not None and promotion.at >= row.requested_at
    return "promoted" if promoted else "kept"


def _finish(
    store: Store, row: Retraining, status: Outcome, detail: str, now: datetime, cause: Cause
) -> Retraining:
    store.retrainings.finish(row.market, row.window, status, detail, now)
    ended = replace(row, status=status, finished_at=now, detail=detail)
    if status == "failed":
        announce_failure(store, ended, now, cause or "failed")
    return ended
