"""How many users there are at which moment; no Locust in here, so that it can be tested alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass

STEPS = 4
SPIKE_FROM, SPIKE_TO = 0.4, 0.6
"""The middle fifth of the time: before it is the quiet to compare with, after it the recovery."""
QUIET_SHARE = 0.1
"""Users outside the spike, as a share of the peak."""
SOAK_RAMP_SHARE = 0.05
"""Share of a soak in which its users come one after the other, as those of a day do."""


@dataclass(frozen=True)
class Shape:
    """A load over time.

    Attributes:
        seconds: how long it lasts when nobody says otherwise.
        users: its highest number of users when nobody says otherwise.
        share: of the users, 0 to 1, at a share of the time, 0 to 1.
    """

    seconds: float
    users: int
    share: Callable[[float], float]


def _steady(_: float) -> float:
    return 1.0


def _step(moment: float) -> float:
    return (math.floor(moment * STEPS) + 1) / STEPS


def _spike(moment: float) -> float:
    return 1.0 if SPIKE_FROM <= moment < SPIKE_TO else QUIET_SHARE


def _soak(moment: float) -> float:
    return min(moment / SOAK_RAMP_SHARE, 1.0)


SHAPES = {
    "steady": Shape(60.0, 20, _steady),
    "step": Shape(60.0, 80, _step),
    "spike": Shape(60.0, 200, _spike),
    "soak": Shape(1800.0, 20, _soak),
}


def users_at(name: str, elapsed: float, seconds: float, peak: int) -> int | None:
    """Users of a shape at a moment; None when it is over.

    Args:
        name: one of ``SHAPES``.
        elapsed: seconds since its start.
        seconds: how long it lasts.
        peak: its highest number of users.
    """
    if elapsed >= seconds:
        return None
    return max(1, round(SHAPES[name].share(elapsed / seconds) * peak))
