"""The decision on simulated markets: it hears a broken model and not the noise."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from monitoring.decision import Attempt, Policy, TriggerState, decide
from monitoring.window import ErrorWindow, Span
from tidecast.data_quality import DataQuality

HOUR = timedelta(hours=1)
MONTH_HOURS = 24 * 30
MAX_FALSE_ALARMS_PER_MONTH = 1
MAX_FLAPPING_STARTS = 3
"""In seven days of error around the threshold: the first alarm, and one every three days."""

Simulate = Callable[..., Any]
Windows = Callable[..., Iterator[ErrorWindow]]
Starts = Callable[[Iterable[ErrorWindow]], Iterator[datetime]]


@pytest.fixture
def starts(policy: Policy) -> Starts:
    """When retrainings start, each of them leaving the model as it is."""

    def starts(windows: Iterable[ErrorWindow]) -> Iterator[datetime]:
        state, last = TriggerState(), None
        for window in windows:
            if window.newest is None:
                continue
            decision, state = decide(window, policy, state, DataQuality(), window.newest, last=last)
            if decision.retrain:
                last = Attempt(window.newest, failed=False)
                yield window.newest

    return starts


@pytest.mark.parametrize("seed", [1, 2])
def test_decision_leaves_a_healthy_model_alone_for_a_month(
    simulate: Simulate, windows: Windows, starts: Starts, seed: int
) -> None:
    scores = simulate(168 + MONTH_HOURS, seed).frame(first=100)

    assert len(list(starts(windows(scores)))) <= MAX_FALSE_ALARMS_PER_MONTH


def test_decision_leaves_the_random_walk_alone_when_that_is_the_model(
    simulate: Simulate, windows: Windows, starts: Starts
) -> None:
    stream = simulate(168 + 100, seed=4)
    same = replace(stream, deviation=np.full(len(stream.returns), stream.baseline))

    assert list(starts(windows(same.frame()))) == []


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("size", [0.1, 0.2], ids=["10 %", "20 %"])
def test_decision_ignores_a_flash_crash_and_its_rebound(
    simulate: Simulate, windows: Windows, starts: Starts, seed: int, size: float
) -> None:
    scores = simulate(460, seed, shock=(240, size)).frame(first=60)

    assert list(starts(windows(scores, 230))) == []


def test_decision_ignores_one_bad_actual(
    simulate: Simulate, windows: Windows, starts: Starts
) -> None:
    stream = simulate(420, seed=14)
    stream.returns[250] += 0.7
    stream.returns[251] -= 0.7

    assert list(starts(windows(stream.frame(first=60), 240))) == []


@pytest.mark.parametrize(
    ("factor", "hours"), [(0.1, 96), (0.2, 168), (3.0, 96)], ids=["a tenth", "a fifth", "thrice"]
)
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_decision_hears_bands_of_a_wrong_width_within_days(
    simulate: Simulate,
    windows: Windows,
    starts: Starts,
    start: datetime,
    factor: float,
    hours: int,
    seed: int,
) -> None:
    stream = simulate(520, seed)
    stream.deviation[300:] *= factor

    first = next(starts(windows(stream.frame(first=100), 290)))

    assert timedelta() < first - (start + 300 * HOUR) <= hours * HOUR


@pytest.mark.parametrize("seed", [31, 32, 33])
def test_decision_hears_a_shifted_centre_within_two_days(
    simulate: Simulate, windows: Windows, starts: Starts, start: datetime, seed: int
) -> None:
    stream = simulate(420, seed)
    stream.center[300:] = 0.05

    first = next(starts(windows(stream.frame(first=100), 290)))

    assert timedelta() < first - (start + 300 * HOUR) <= 48 * HOUR


@pytest.mark.parametrize("seed", [41, 42])
def test_decision_hears_a_fresh_broken_model_soon_after_the_minimum_sample(
    simulate: Simulate, windows: Windows, starts: Starts, start: datetime, seed: int
) -> None:
    stream = simulate(200, seed)
    stream.deviation[:] *= 0.1

    first = next(starts(windows(stream.frame(first=100))))

    assert first - (start + 100 * HOUR) <= 48 * HOUR


@pytest.mark.parametrize("seed", [61, 62])
def test_decision_hears_collapsed_bands_in_a_calm_week(
    simulate: Simulate, windows: Windows, starts: Starts, start: datetime, seed: int
) -> None:
    """The bands of the random walk are too wide then, and a point forecast looks good."""
    stream = replace(simulate(200, seed), baseline=1.6 * simulate(200, seed).baseline)
    stream.deviation[:] *= 0.05

    first = next(starts(windows(stream.frame(first=100))))

    assert first - (start + 100 * HOUR) <= 30 * HOUR


@pytest.mark.parametrize("period", [2, 6, 24, 48], ids=lambda hours: f"{hours} h")
def test_decision_starts_seldom_when_the_error_flaps_around_the_threshold(
    make_window: Callable[..., ErrorWindow], starts: Starts, period: int
) -> None:
    ratios = [1.12 if hour % period < period / 2 else 1.04 for hour in range(24 * 7)]
    flapping = [make_window(hour, crps_ratio=r, t=4.0) for hour, r in enumerate(ratios)]

    assert len(list(starts(flapping))) <= MAX_FLAPPING_STARTS


def test_decision_starts_seldom_when_noise_walks_around_the_threshold(
    make_window: Callable[..., ErrorWindow], starts: Starts
) -> None:
    rng = np.random.default_rng(51)
    ratios = 1.1 + 0.02 * rng.normal(size=24 * 7)
    noisy = [
        make_window(hour, t=3.0, crps_ratio=1.05, recent=Span(48, ratio, 3.0))
        for hour, ratio in enumerate(ratios)
    ]

    assert len(list(starts(noisy))) <= MAX_FLAPPING_STARTS
