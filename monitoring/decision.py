"""Whether to retrain. Pure: the same arguments always give the same answer.

Wanted when the error is above the user's absolute threshold, or above the relative one (worse
than the random walk, and by more than noise), or when the bands have collapsed, on enough candles
in a row; or when the model is too old. Held back while the data are unhealthy, in the cool-down,
and after a retraining until the error has come down once (hysteresis). Rounds are counted by
candle, so neither the pace of polling nor the number of monitors matters.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitoring.window import ErrorWindow, Span
from tidecast.data_quality import DataQuality
from tidecast.timeframes import format_rfc3339

REARM_COOLDOWNS = 3
"""After this many cool-downs a bad error counts anew although it never came down: a model that
stays bad must not be left alone for ever because one challenger was refused."""
COLLAPSED_COVERAGE = 0.5
"""A 90 % band that holds less than this is broken, and in a calm week its CRPS hardly shows it.
Over 24 hours the bands of an EWMA model never fell below it on BTC and ETH, and once on SOL, 2018
to 2025. It counts only while the CRPS is worse than the random walk's, whose band fell below it in
nine storms a year and no retraining would help."""
RESTORED_COVERAGE = 0.6
MAX_COVERAGE_ERROR = 0.05
"""The 90 % band is called off when its coverage is this far away, beyond noise."""


@dataclass(frozen=True)
class Policy:
    """The user's thresholds; see ``MonitoringSettings`` for their meaning."""

    min_scored: int
    max_mase: float
    max_crps_ratio: float
    min_t: float
    consecutive_rounds: int
    rearm_ratio: float
    cooldown: timedelta
    max_model_age: timedelta | None


@dataclass(frozen=True)
class TriggerState:
    """What is remembered between two candles.

    Attributes:
        version: champion that this is about; another one starts afresh.
        candle: newest scored target time that was counted.
        exceeded: candles in a row on which a threshold was exceeded.
        armed: False from a retraining until the error came down.
        above_since: first candle on which the alarm was raised; None while the error is calm.
    """

    version: str = ""
    candle: datetime | None = None
    exceeded: int = 0
    armed: bool = True
    above_since: datetime | None = None


@dataclass(frozen=True)
class Attempt:
    """The last retraining of the market, whoever asked for it."""

    at: datetime
    failed: bool


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    Attributes:
        retrain: whether to start a retraining now.
        wanted: reasons for one; they may be there although ``retrain`` is False.
        blocked: what holds a wanted one back.
    """

    retrain: bool
    wanted: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def decide(
    window: ErrorWindow,
    policy: Policy,
    state: TriggerState,
    health: DataQuality,
    now: datetime,
    *,
    trained_at: datetime | None = None,
    last: Attempt | None = None,
    other_reasons: tuple[str, ...] = (),
) -> tuple[Decision, TriggerState]:
    """Decide once per candle.

    Args:
        window: error of the champion.
        policy: thresholds.
        state: what the last call returned.
        health: of the candles that the error was measured on.
        now: current instant, UTC.
        trained_at: end of the champion's training, None when unknown.
        last: last retraining of the market.
        other_reasons: why to train a new model whatever the error and the age of the champion are.

    Returns:
        The decision and the state for the next candle.
    """
    if state.version != window.version:
        state = TriggerState(version=window.version)
    if window.newest is not None and window.newest != state.candle:
        state = _count(window, policy, state, health)
    if _rearmed(policy, now, last):
        state = replace(state, armed=True)
    due = _too_old(policy, now, trained_at, last) + other_reasons
    wanted = _too_bad(window, policy, state, health) + due
    if not wanted:
        return Decision(False), state
    blocked = health.blocking + _cooling(policy, now, last)
    if not state.armed and not due:
        blocked += ("the error has not come down since the last retraining",)
    if blocked:
        return Decision(False, wanted, blocked), state
    return Decision(True, wanted), replace(state, armed=False)


def exceeded(window: ErrorWindow, policy: Policy) -> tuple[str, ...]:
    """Thresholds that the error is above, in words; none with too few scored candles."""
    if window.scored < policy.min_scored:
        return ()
    reasons = []
    if window.mase > policy.max_mase:
        reasons.append(f"MASE {window.mase:.3f} is above {policy.max_mase:g}")
    reasons.extend(
        f"CRPS is {span.crps_ratio:.3f} times that of the random walk over {span.candles} candles,"
        f" above {policy.max_crps_ratio:g} by {span.t:.1f} standard errors"
        for span in _spans(window)
        if span.candles >= policy.min_scored
        and span.crps_ratio > policy.max_crps_ratio
        and span.t > policy.min_t
    )
    if window.coverage[90] < COLLAPSED_COVERAGE and window.whole.crps_ratio > 1:
        reasons.append(
            f"the 90 % band holds {window.coverage[90]:.0%}, below {COLLAPSED_COVERAGE:.0%},"
            " and the CRPS is worse than that of the random walk"
        )
    return tuple(reasons)


def coverage_off(window: ErrorWindow, policy: Policy) -> bool:
    """Whether the 90 % band holds too many or too few actuals, beyond noise."""
    return (
        window.scored >= policy.min_scored
        and abs(window.coverage[90] - 0.9) > MAX_COVERAGE_ERROR
        and abs(window.coverage_t) > policy.min_t
    )


def _count(
    window: ErrorWindow, policy: Policy, state: TriggerState, health: DataQuality
) -> TriggerState:
    if not health.healthy:
        # An error measured on unhealthy candles is no evidence: it neither counts nor calms.
        return replace(state, candle=window.newest, exceeded=0)
    above = bool(exceeded(window, policy))
    state = replace(state, candle=window.newest, exceeded=state.exceeded + 1 if above else 0)
    if _calm(window, policy):
        return replace(state, armed=True, above_since=None)
    if state.exceeded >= policy.consecutive_rounds and state.above_since is None:
        return replace(state, above_since=window.newest)
    return state


def _calm(window: ErrorWindow, policy: Policy) -> bool:
    """All well away from the thresholds, MASE by the same share as the CRPS ratio."""
    margin = min(1.0, policy.rearm_ratio / policy.max_crps_ratio)
    return (
        window.scored >= policy.min_scored
        and all(span.crps_ratio < policy.rearm_ratio for span in _spans(window))
        and window.mase < policy.max_mase * margin
        and not window.coverage[90] < RESTORED_COVERAGE
    )


def _spans(window: ErrorWindow) -> tuple[Span, ...]:
    if window.recent.candles == window.whole.candles:
        return (window.whole,)
    return window.recent, window.whole


def _rearmed(policy: Policy, now: datetime, last: Attempt | None) -> bool:
    return last is None or last.failed or now - last.at >= REARM_COOLDOWNS * policy.cooldown


def _too_bad(
    window: ErrorWindow, policy: Policy, state: TriggerState, health: DataQuality
) -> tuple[str, ...]:
    """On unhealthy data no candle counts; a high error is named all the same, and blocked."""
    if health.healthy and state.exceeded < policy.consecutive_rounds:
        return ()
    return exceeded(window, policy)


def _too_old(
    policy: Policy, now: datetime, trained_at: datetime | None, last: Attempt | None
) -> tuple[str, ...]:
    if policy.max_model_age is None or trained_at is None:
        return ()
    # A challenge that the champion withstood makes it young again.
    tried = [trained_at] + ([last.at] if last is not None and not last.failed else [])
    age = now - max(tried)
    if age <= policy.max_model_age:
        return ()
    return (f"the champion was last challenged {age.days} days ago",)


def _cooling(policy: Policy, now: datetime, last: Attempt | None) -> tuple[str, ...]:
    if last is None or now - last.at >= policy.cooldown:
        return ()
    return (f"cool-down until {format_rfc3339(last.at + policy.cooldown)}",)
