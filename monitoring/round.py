"""One round over one market: score, recalibrate, look, decide, act, remember."""

from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import Any

import pandas as pd

from monitoring import alerts, metrics
from monitoring.champion import Champion, ReadChampion
from monitoring.decision import Decision, Policy, TriggerState, coverage_off, decide, exceeded
from monitoring.drift import (
    ErrorDrift,
    FeatureDrift,
    drift_of_errors,
    drift_of_features,
)
from monitoring.longer_history import longer_history
from monitoring.memory import Memory, recall, remember
from monitoring.recalibration import MAX_HORIZON, recalibrate
from monitoring.retraining import last_attempt, request, window_key
from monitoring.scoring import Scored, score_matured
from monitoring.trigger import StartPostponed, Trigger
from monitoring.window import ErrorWindow, build_window
from tidecast.data_quality import DataQuality, assess
from tidecast.errors import ArtefactInvalid, RejectedError, RetryLater, StoreUnavailable
from tidecast.store import Store
from tidecast.telemetry import get_logger
from tidecast.timeframes import Market, format_rfc3339

_log = get_logger(__name__)


@dataclass(frozen=True)
class Plan:
    """How a market is watched.

    Attributes:
        policy: when to retrain.
        window_candles: length of the window that errors are judged over.
        stale_after_candles: age at which the newest candle is old, in intervals.
        reference_candles: length of the training reference that drift is measured against.
        max_psi: PSI above which a feature is called drifted.
        lease_seconds: time on the clock of ``now`` after which a training counts as dead.
    """

    policy: Policy
    window_candles: int
    stale_after_candles: float
    reference_candles: int
    max_psi: float
    lease_seconds: float


@dataclass(frozen=True)
class Report:
    """What a round found and did.

    Attributes:
        window: error of the champion; None when nothing was served yet.
        decision: None likewise.
        features: None also with too few candles, or when the artefact cannot be read.
        retraining: window key of the retraining that was started.
        waits: whether a retraining has to wait until one can be started.
    """

    market: Market
    health: DataQuality
    scored: Scored
    window: ErrorWindow | None = None
    decision: Decision | None = None
    features: FeatureDrift | None = None
    retraining: str | None = None
    waits: bool = False


def monitor_market(
    store: Store,
    plan: Plan,
    market: Market,
    now: datetime,
    *,
    read_champion: ReadChampion,
    trigger: Trigger,
) -> Report:
    """Do one round; doing it twice changes nothing more.

    Raises:
        StoreUnavailable: the round was cut short; the next one does the rest.
    """
    candles = store.candles.read(market, limit=plan.window_candles)
    held_back = [row.open_time for row in store.candles.held_back(market)]
    health = assess(candles, market.interval, now, plan.stale_after_candles, held_back)
    metrics.show_health(market, health)
    metrics.show_missing(market, sum(gap.missing for gap in store.candles.gaps(market)))
    if candles.empty:
        return Report(market, health, Scored())
    alerts.announce_data(store, market, health, now)
    until = candles.index[-1].to_pydatetime() + market.length
    scored = score_matured(store, market, until, now)
    metrics.show_scoring(market, scored)
    newest = store.forecasts.newest(market)
    if newest is None:
        return Report(market, health, scored)
    # The version that is served, which differs from the promoted one when that cannot be loaded.
    version = newest.forecast.model_version
    for one in dict.fromkeys((*scored.versions, version)):
        _recalibrate(store, market, one, read_champion)
    this = _Round(market, now, until, health, scored)
    return _judge(store, plan, this, version, _read(read_champion, market, version), trigger)


@dataclass(frozen=True)
class _Round:
    market: Market
    now: datetime
    until: datetime
    health: DataQuality
    scored: Scored


def _recalibrate(store: Store, market: Market, version: str, read_champion: ReadChampion) -> None:
    try:
        recalibrate(store, market, version, lambda: read_champion(market, version).calibration)
    except StoreUnavailable:
        raise
    except (RetryLater, RejectedError) as e:
        # The scores are kept, so the state catches up when the artefact can be read.
        _log.warning("recalibration_postponed", market=str(market), version=version, error=str(e))


def _read(
    read_champion: ReadChampion, market: Market, version: str
) -> Champion | RetryLater | RejectedError:
    try:
        return read_champion(market, version)
    except (RetryLater, RejectedError) as e:
        _log.warning("champion_unreadable", market=str(market), version=version, error=str(e))
        return e


def _judge(
    store: Store,
    plan: Plan,
    this: _Round,
    version: str,
    read: Champion | RetryLater | RejectedError,
    trigger: Trigger,
) -> Report:
    market, memory = this.market, recall(store, this.market)
    champion = read if isinstance(read, Champion) else None
    scores = _window_scores(store, plan, this, version)
    window = build_window(scores, market, version, plan.window_candles)
    errors = drift_of_errors(memory.errors, scores, version)
    features = _features(store, plan, this, champion)
    last = last_attempt(store, trigger, market, this.now, plan.lease_seconds)
    decision, state = decide(
        window,
        plan.policy,
        memory.trigger,
        this.health,
        this.now,
        trained_at=None if champion is None else champion.trained_at,
        last=last,
        other_reasons=_unusable(version, read) + longer_history(store, market, champion, last),
    )
    _show(market, window, scores, errors, features, decision)
    _announce(store, plan.policy, this, window, state)
    started, waits = _act(store, plan, this, window, decision, trigger)
    if waits:
        state = replace(state, armed=True)
    report = Report(market, this.health, this.scored, window, decision, features, started, waits)
    drifted = _drifted(features, plan.max_psi) + _shifted(errors)
    remember(store, market, Memory(state, errors), _figures(report, drifted), this.now)
    return report


def _unusable(version: str, read: Champion | RetryLater | RejectedError) -> tuple[str, ...]:
    """The reason to replace a champion that no process can load: it makes no errors to judge."""
    if not isinstance(read, ArtefactInvalid):
        return ()
    return (f"champion {version} cannot be loaded: {read}",)


def _window_scores(store: Store, plan: Plan, this: _Round, version: str) -> pd.DataFrame:
    """Scores whose target lies in the window; a long step's cutoff lies before it."""
    length = this.market.length
    start = this.until - (plan.window_candles + MAX_HORIZON) * length
    scores = store.scores.read(this.market, start=start, model_version=version)
    return scores[scores["target_time"] > this.until - plan.window_candles * length]


def _features(
    store: Store, plan: Plan, this: _Round, champion: Champion | None
) -> FeatureDrift | None:
    if champion is None:
        return None
    lengths = (plan.reference_candles, plan.window_candles)
    return drift_of_features(store, this.market, champion.train_end, this.until, lengths)


def _show(
    market: Market,
    window: ErrorWindow,
    scores: pd.DataFrame,
    errors: ErrorDrift,
    features: FeatureDrift | None,
    decision: Decision,
) -> None:
    metrics.show_window(market, window, scores)
    metrics.show_error_drift(market, errors.cusum.total)
    metrics.show_blocked(market, bool(decision.blocked))
    if features is not None:
        metrics.show_feature_drift(market, features)


def _announce(
    store: Store, policy: Policy, this: _Round, window: ErrorWindow, state: TriggerState
) -> None:
    if not this.health.healthy:
        return
    alerts.announce_error(store, this.market, state, exceeded(window, policy), this.now)
    if coverage_off(window, policy):
        alerts.announce_coverage(store, this.market, window, this.now)


def _act(
    store: Store,
    plan: Plan,
    this: _Round,
    window: ErrorWindow,
    decision: Decision,
    trigger: Trigger,
) -> tuple[str | None, bool]:
    """Start the retraining that was decided.

    Returns:
        Window of the one that was started, None also when another monitor has it; and whether
        one has to wait.
    """
    if not decision.retrain:
        return None, False
    if not trigger.ready():
        _log.info("retraining_waits", market=str(this.market), reason="none can be started now")
        return None, True
    key = window_key(this.now, plan.policy.cooldown)
    reason, figures = "; ".join(decision.wanted), _errors(window)
    try:
        claimed = request(
            store, trigger, this.market, key, reason, this.now, plan.lease_seconds, figures
        )
    except StartPostponed as e:
        _log.warning("retraining_postponed", market=str(this.market), error=str(e))
        return None, True
    return (key if claimed else None), False


def _drifted(features: FeatureDrift | None, max_psi: float) -> tuple[str, ...]:
    return () if features is None else features.drifted(max_psi)


def _shifted(errors: ErrorDrift) -> tuple[str, ...]:
    if errors.alarm_at is None:
        return ()
    return (f"step 1 losses have risen for good, found at {format_rfc3339(errors.alarm_at)}",)


def _figures(report: Report, drifted: tuple[str, ...]) -> dict[str, Any]:
    """The round in plain JSON, for `tidecast status` and the service."""
    window, decision = report.window, report.decision
    assert window is not None and decision is not None
    return {
        **_errors(window),
        "coverage": {str(level): _number(share) for level, share in window.coverage.items()},
        "waiting_steps": report.scored.waiting,
        "health": list(report.health.reasons),
        "wanted": list(decision.wanted),
        "blocked": list(decision.blocked),
        "drifted": list(drifted),
        "newest_score": None if window.newest is None else format_rfc3339(window.newest),
    }


def _errors(window: ErrorWindow) -> dict[str, Any]:
    return {
        "model_version": window.version,
        "scored_candles": window.scored,
        "mase": _number(window.mase),
        "crps_ratio": _number(window.whole.crps_ratio),
        "standard_errors": _number(window.whole.t),
        "recent_crps_ratio": _number(window.recent.crps_ratio),
        "recent_standard_errors": _number(window.recent.t),
    }


def _number(value: float) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return round(value, 6) if isfinite(value) else None
