from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring.decision import Attempt
from monitoring.retraining import LEASE_OVER, last_attempt, record_end, request
from monitoring.trigger import Ended, LocalTrigger
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
HOUR = timedelta(hours=1)
LEASE_SECONDS = 960.0


def ask(world: Any, window: str = "w1") -> bool:
    return request(world.store, world.trigger, MARKET, window, "too bad", world.now, LEASE_SECONDS)


def status(world: Any) -> tuple[str, str]:
    newest = world.store.retrainings.newest(MARKET)
    return newest.status, newest.detail


def test_request_starts_once_per_window(world: Any) -> None:
    assert [ask(world), ask(world), ask(world, "w2")] == [True, False, False]
    assert world.kinds() == ["RetrainingStarted"]


def test_request_counts_as_failed_when_it_cannot_be_started(world: Any, tmp_path: Path) -> None:
    world.trigger = LocalTrigger(tmp_path, nice=0, timeout_seconds=1, command=("/no/such",))

    assert ask(world)

    assert status(world)[0] == "failed"
    assert "could not be started" in status(world)[1]
    assert world.kinds() == ["RetrainingStarted", "RetrainingFailed"]


@pytest.mark.parametrize(
    ("code", "promoted", "expected"),
    [
        (0, True, "promoted"),
        (0, False, "kept"),
        (1, True, "failed"),
        (64, False, "failed"),
        (-9, False, "failed"),
        (None, False, "failed"),
    ],
)
def test_record_end_writes_the_outcome_when_the_training_could_not(
    world: Any, code: int | None, promoted: bool, expected: str
) -> None:
    world.now += HOUR
    ask(world)
    if promoted:
        world.promote("2")

    record_end(world.store, Ended(MARKET, "w1", code, "what happened"), world.now + HOUR)

    assert status(world) == (expected, "what happened")
    assert world.kinds().count("RetrainingFailed") == (expected == "failed")


@pytest.mark.parametrize("outcome", ["promoted", "kept", "failed"])
def test_record_end_leaves_what_the_training_wrote(world: Any, outcome: Any) -> None:
    ask(world)
    world.store.retrainings.finish(MARKET, "w1", outcome, "its own words", world.now)

    record_end(world.store, Ended(MARKET, "w1", 0, "exit code 0"), world.now)

    assert status(world) == (outcome, "its own words")
    assert world.kinds().count("RetrainingFailed") == (outcome == "failed")


def test_record_end_ignores_a_window_that_nobody_claimed(world: Any) -> None:
    record_end(world.store, Ended(MARKET, "w9", 1, "exit code 1"), world.now)

    assert world.store.retrainings.history(MARKET) == []


def test_last_attempt_is_none_before_the_first_retraining(world: Any) -> None:
    assert last_attempt(world.store, world.trigger, MARKET, world.now, LEASE_SECONDS) is None


def test_last_attempt_runs_until_its_lease_is_over(world: Any) -> None:
    ask(world)
    almost = world.now + timedelta(seconds=LEASE_SECONDS - 1)

    attempt = last_attempt(world.store, world.trigger, MARKET, almost, LEASE_SECONDS)

    assert attempt == Attempt(world.now, failed=False)
    assert status(world)[0] == "running"


def test_last_attempt_fails_when_its_lease_is_over(world: Any) -> None:
    ask(world)
    late = world.now + timedelta(seconds=LEASE_SECONDS)

    attempts = [
        last_attempt(world.store, world.trigger, MARKET, late, LEASE_SECONDS) for _ in range(2)
    ]

    assert attempts == [Attempt(world.now, failed=True)] * 2
    assert status(world) == ("failed", LEASE_OVER)
    assert world.kinds() == ["RetrainingStarted", "RetrainingFailed"]


def test_failed_retraining_is_tried_again_after_the_cooldown(world: Any, broken: Any) -> None:
    world.distort = broken["shifted"]
    first = next(r for r in world.pass_hours(16) if r.retraining)
    started = world.store.retrainings.newest(MARKET).requested_at
    world.trigger.close()
    record_end(world.store, Ended(MARKET, first.retraining, 1, "exit code 1"), world.now)

    world.pass_hours(12)

    requested = [row.requested_at for row in world.store.retrainings.history(MARKET)]
    assert requested == [started + 12 * HOUR, started]
    assert world.kinds().count("RetrainingFailed") == 1
    assert world.kinds().count("ErrorAboveThreshold") == 1


def test_kept_retraining_is_not_tried_again_while_the_error_stays(world: Any, broken: Any) -> None:
    world.distort = broken["shifted"]
    first = next(r for r in world.pass_hours(16) if r.retraining)
    world.trigger.close()
    world.store.retrainings.finish(MARKET, first.retraining, "kept", "no better", world.now)

    world.pass_hours(16)

    assert len(world.windows()) == 1
