"""Events that a person may want to know. Each has a key, so it is stored and sent once.

A key holds where the trouble began, not when it was seen: any number of monitors, restarts and
rounds make one event out of one trouble.
"""

from datetime import datetime

from monitoring.decision import TriggerState
from monitoring.trigger import Cause
from monitoring.window import ErrorWindow
from tidecast.data_quality import DataQuality
from tidecast.store import Retraining, Store
from tidecast.timeframes import Market, format_rfc3339


def announce_data(store: Store, market: Market, health: DataQuality, now: datetime) -> None:
    """Old or frozen candles. A gap is announced by the ingestion, which found it."""
    for problem in health.problems:
        if problem.kind in ("stale", "frozen"):
            since = format_rfc3339(problem.since)
            detail = {"kind": problem.kind, "since": since, "reason": problem.reason}
            key = f"data-stale:{market}:{problem.kind}:{since}"
            store.events.add("DataStale", key, detail, now, market)


def announce_error(
    store: Store,
    market: Market,
    state: TriggerState,
    reasons: tuple[str, ...],
    now: datetime,
) -> None:
    """The error is above a threshold; once until it has come down again."""
    if state.above_since is not None and reasons:
        since = format_rfc3339(state.above_since)
        detail = {"model_version": state.version, "since": since, "reasons": list(reasons)}
        key = f"error-above-threshold:{market}:{state.version}:{since}"
        store.events.add("ErrorAboveThreshold", key, detail, now, market)


def announce_coverage(store: Store, market: Market, window: ErrorWindow, now: datetime) -> None:
    """The 90 % band holds too many or too few; at most once per model version and week."""
    assert window.newest is not None
    year, week, _ = window.newest.isocalendar()
    detail = {
        "model_version": window.version,
        "coverage": {str(percent): round(share, 4) for percent, share in window.coverage.items()},
        "candles": window.scored,
    }
    key = f"coverage-off:{market}:{window.version}:{year}-W{week:02}"
    store.events.add("CoverageOff", key, detail, now, market)


def announce_start(store: Store, market: Market, window: str, reason: str, now: datetime) -> None:
    """A retraining was claimed."""
    detail = {"window": window, "reason": reason}
    key = f"retraining-started:{market}:{window}"
    store.events.add("RetrainingStarted", key, detail, now, market)


def announce_refusal(
    store: Store, market: Market, window: str, reason: str, refusal: str, now: datetime
) -> None:
    """The cluster does not let a retraining start, and a person must act; once per window."""
    detail = {"window": window, "reason": reason, "refusal": refusal}
    key = f"retraining-refused:{market}:{window}"
    store.events.add("RetrainingRefused", key, detail, now, market)


def announce_failure(
    store: Store, retraining: Retraining, now: datetime, cause: Cause = "failed"
) -> None:
    """A retraining did not end as it should."""
    market, window = retraining.market, retraining.window
    detail = {
        "window": window,
        "reason": retraining.reason,
        "cause": cause,
        "detail": retraining.detail,
    }
    key = f"retraining-failed:{market}:{window}"
    store.events.add("RetrainingFailed", key, detail, now, market)
