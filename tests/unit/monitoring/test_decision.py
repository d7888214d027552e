from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitoring.decision import (
    Attempt,
    Decision,
    Policy,
    TriggerState,
    coverage_off,
    decide,
    exceeded,
)
from monitoring.window import ErrorWindow, Span
from tidecast.data_quality import DataQuality, Problem

HOUR = timedelta(hours=1)
BAD = {"crps_ratio": 1.4, "t": 6.0}
Make = Callable[..., ErrorWindow]
Run = Callable[..., list[int]]


@pytest.fixture
def run(policy: Policy, make_window: Make, start: datetime) -> Run:
    """Hours at which a retraining is started, given the figures of each hour."""

    def run(
        hours: list[dict[str, Any]],
        policy: Policy = policy,
        failing: bool = False,
        unhealthy: tuple[int, ...] = (),
        **facts: Any,
    ) -> list[int]:
        state, last, started = TriggerState(), facts.pop("last", None), []
        for hour, figures in enumerate(hours):
            now = start + hour * HOUR
            health = (
                DataQuality((Problem("stale", now, "stale"),))
                if hour in unhealthy
                else DataQuality()
            )
            window = make_window(hour, **figures)
            decision, state = decide(window, policy, state, health, now, last=last, **facts)
            if decision.retrain:
                started.append(hour)
                last = Attempt(now, failed=failing)
        return started

    return run


@pytest.mark.parametrize(
    ("figures", "count"),
    [
        ({}, 0),
        ({"crps_ratio": 1.1, "t": 9.0}, 0),
        ({"crps_ratio": 1.11, "t": 9.0}, 2),
        ({"crps_ratio": 1.5, "t": 2.5}, 0),
        ({"crps_ratio": 1.5, "t": 2.51}, 2),
        ({"crps_ratio": 1.5, "t": 9.0, "scored": 23}, 0),
        ({"crps_ratio": 1.5, "t": 9.0, "scored": 24}, 1),
        ({"mase": 1.5}, 0),
        ({"mase": 1.51}, 1),
        ({"mase": 9.0, "scored": 23}, 0),
        ({"mase": float("nan")}, 0),
        ({"crps_ratio": float("nan"), "t": float("nan")}, 0),
        ({"recent": Span(48, 1.3, 4.0)}, 1),
        ({"recent": Span(20, 1.3, 4.0)}, 0),
        ({"coverage_90": 0.49, "crps_ratio": 1.001}, 1),
        ({"coverage_90": 0.49, "crps_ratio": 1.0}, 0),
        ({"coverage_90": 0.51, "crps_ratio": 1.09}, 0),
        ({"coverage_90": 0.49, "crps_ratio": 1.001, "scored": 23}, 0),
    ],
)
def test_exceeded_names_each_threshold_that_is_passed(
    policy: Policy, make_window: Make, figures: dict[str, Any], count: int
) -> None:
    assert len(exceeded(make_window(**figures), policy)) == count


def test_exceeded_says_figures_and_thresholds(policy: Policy, make_window: Make) -> None:
    reasons = exceeded(make_window(mase=2.0, crps_ratio=1.25, t=4.0, scored=30), policy)

    assert reasons == (
        "MASE 2.000 is above 1.5",
        "CRPS is 1.250 times that of the random walk over 30 candles,"
        " above 1.1 by 4.0 standard errors",
    )


def test_decide_waits_for_candles_in_a_row(run: Run) -> None:
    assert run([BAD, {}, BAD, {}, BAD, BAD]) == [5]


def test_decide_counts_a_candle_once_however_often_it_is_asked(
    policy: Policy, make_window: Make, start: datetime
) -> None:
    state = TriggerState()
    for _ in range(10):
        decision, state = decide(make_window(**BAD), policy, state, DataQuality(), start)

    assert (decision.retrain, state.exceeded) == (False, 1)


def test_decide_starts_once_when_the_error_stays(run: Run) -> None:
    assert run([BAD] * 24 * 3) == [1]


def test_decide_starts_again_after_three_cooldowns_when_the_error_never_came_down(run: Run) -> None:
    assert run([BAD] * 24 * 7) == [1, 1 + 3 * 24, 1 + 6 * 24]


def test_decide_starts_again_after_the_cooldown_when_the_error_came_down_between(run: Run) -> None:
    assert run([BAD] * 4 + [{"crps_ratio": 1.01}] + [BAD] * 40) == [1, 25]


@pytest.mark.parametrize(
    "between",
    [
        {"crps_ratio": 1.05},
        {"crps_ratio": 1.01, "mase": 1.45},
        {"crps_ratio": 1.01, "coverage_90": 0.55},
        {"crps_ratio": 1.01, "scored": 5},
    ],
    ids=["CRPS still high", "MASE still high", "coverage still low", "too few scores"],
)
def test_decide_is_not_rearmed_when_the_error_is_only_a_little_lower(
    run: Run, between: dict[str, Any]
) -> None:
    assert run([BAD] * 4 + [between] + [BAD] * 40) == [1]


def test_decide_is_armed_for_another_version(run: Run) -> None:
    assert run([BAD] * 4 + [{**BAD, "version": "2"}] * 40) == [1, 25]


def test_decide_tries_again_after_the_cooldown_when_the_retraining_failed(run: Run) -> None:
    assert run([BAD] * 60, failing=True) == [1, 25, 49]


def test_decide_respects_the_cooldown_of_a_retraining_that_others_asked_for(
    run: Run, start: datetime
) -> None:
    assert run([BAD] * 40, last=Attempt(start - 10 * HOUR, failed=False)) == [14]
    assert run([BAD] * 40, last=Attempt(start - 10 * HOUR, failed=True)) == [14]


def test_decide_never_starts_on_unhealthy_data(run: Run) -> None:
    assert run([BAD] * 30, unhealthy=tuple(range(30))) == []


def test_decide_names_a_high_error_on_unhealthy_data_and_what_blocks_it(
    policy: Policy, make_window: Make, start: datetime
) -> None:
    health = DataQuality((Problem("frozen", start, "frozen: 9 candles"),))

    decision, state = decide(make_window(mase=2.0), policy, TriggerState(), health, start)

    assert decision == Decision(False, ("MASE 2.000 is above 1.5",), ("frozen: 9 candles",))
    assert state.exceeded == 0


def test_decide_counts_anew_when_the_data_are_healthy_again(run: Run) -> None:
    assert run([BAD] * 30, unhealthy=tuple(range(1, 10))) == [11]


def test_decide_does_not_let_unhealthy_candles_calm_the_error(run: Run) -> None:
    assert run([BAD] * 4 + [{"crps_ratio": 0.5}] + [BAD] * 40, unhealthy=(4,)) == [1]


def test_decide_says_what_blocks(policy: Policy, make_window: Make, start: datetime) -> None:
    state = TriggerState("1", start, exceeded=5, armed=False)
    health = DataQuality((Problem("frozen", start, "frozen: 9 candles"),))

    decision, _ = decide(
        make_window(mase=2.0),
        policy,
        state,
        health,
        start + HOUR,
        last=Attempt(start, failed=False),
    )

    assert decision == Decision(
        False,
        ("MASE 2.000 is above 1.5",),
        (
            "frozen: 9 candles",
            "cool-down until 2025-03-02T00:00:00Z",
            "the error has not come down since the last retraining",
        ),
    )


def test_decide_challenges_when_the_history_is_longer_although_the_error_is_fine(
    policy: Policy, make_window: Make, start: datetime
) -> None:
    longer = ("longer history: 520 candles are enough for the ewma",)
    state = TriggerState("1", start, armed=False)
    facts = {"other_reasons": longer}
    decision, _ = decide(make_window(), policy, state, DataQuality(), start + HOUR, **facts)
    assert decision == Decision(True, longer)
    last = Attempt(start, failed=False)
    decision, _ = decide(
        make_window(), policy, state, DataQuality(), start + HOUR, last=last, **facts
    )
    assert (decision.retrain, decision.blocked) == (
        False,
        ("cool-down until 2025-03-02T00:00:00Z",),
    )


@pytest.mark.parametrize(
    ("age_days", "limit_days", "expected"),
    [(30, 30, []), (31, 30, [0]), (31, None, []), (None, 30, [])],
)
def test_decide_challenges_an_old_champion(
    run: Run,
    policy: Policy,
    start: datetime,
    age_days: int | None,
    limit_days: int | None,
    expected: list[int],
) -> None:
    limit = None if limit_days is None else timedelta(days=limit_days)
    trained_at = None if age_days is None else start - timedelta(days=age_days)

    assert run([{}], replace(policy, max_model_age=limit), trained_at=trained_at) == expected


def test_decide_takes_a_withstood_challenge_for_youth(run: Run, start: datetime) -> None:
    trained_at = start - timedelta(days=100)

    assert run([{}] * 24 * 40, trained_at=trained_at) == [0, 30 * 24 + 1]
    failed = run([{}] * 24 * 3, trained_at=trained_at, failing=True)
    assert failed == [0, 24, 48]


def test_decide_does_not_challenge_an_old_champion_on_unhealthy_data(
    run: Run, start: datetime
) -> None:
    assert run([{}], trained_at=start - timedelta(days=99), unhealthy=(0,)) == []


def test_decide_remembers_the_first_candle_of_the_alarm_until_calm(
    policy: Policy, make_window: Make, start: datetime
) -> None:
    state, since = TriggerState(), []
    for hour, figures in enumerate([BAD, BAD, {"crps_ratio": 1.05}, BAD, BAD, {}, BAD, BAD]):
        window = make_window(hour, **figures)
        _, state = decide(window, policy, state, DataQuality(), start + hour * HOUR)
        since.append(state.above_since)

    first, second = start + HOUR, start + 7 * HOUR
    assert since == [None, first, first, first, first, None, None, second]


@pytest.mark.parametrize(
    ("coverage_90", "coverage_t", "scored", "expected"),
    [
        (0.90, 0.0, 168, False),
        (0.80, -4.0, 168, True),
        (0.99, 4.0, 168, True),
        (0.80, -2.0, 168, False),
        (0.87, -4.0, 168, False),
        (0.80, -4.0, 20, False),
    ],
)
def test_coverage_off_needs_distance_significance_and_sample(
    policy: Policy,
    make_window: Make,
    coverage_90: float,
    coverage_t: float,
    scored: int,
    expected: bool,
) -> None:
    window = make_window(coverage_90=coverage_90, coverage_t=coverage_t, scored=scored)

    assert coverage_off(window, policy) is expected
