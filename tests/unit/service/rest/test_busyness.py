from dataclasses import dataclass

import pytest

from service.admission import Admission
from service.rest.busyness import WINDOW_SECONDS, Busyness
from service.rest.guard import BUSY_PLACES, Guard
from tidecast.settings import ServiceSettings


@dataclass
class Clocks:
    """Time of the world and of the thread, seconds."""

    now: float = 100.0
    own: float = 0.0

    def pass_window(self, share: float) -> None:
        self.now += 2 * WINDOW_SECONDS
        self.own += 2 * WINDOW_SECONDS * share


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def busyness(clocks: Clocks) -> Busyness:
    return Busyness(lambda: clocks.now, lambda: clocks.own)


@pytest.mark.parametrize(("share", "busy"), [(0.3, False), (0.95, True)])
def test_window_full_of_work_is_busy(
    clocks: Clocks, busyness: Busyness, share: float, busy: bool
) -> None:
    clocks.pass_window(share)
    assert busyness.is_busy() is busy


def test_burst_within_a_window_is_not_busy_yet(clocks: Clocks, busyness: Busyness) -> None:
    clocks.now += WINDOW_SECONDS / 2
    clocks.own += WINDOW_SECONDS / 2
    assert not busyness.is_busy()


def test_busy_time_is_over_with_a_quiet_window(clocks: Clocks, busyness: Busyness) -> None:
    clocks.pass_window(1.0)
    assert busyness.is_busy()
    clocks.pass_window(0.1)
    assert not busyness.is_busy()


@pytest.mark.parametrize(("share", "places"), [(0.3, 64), (1.0, BUSY_PLACES)])
def test_guard_has_few_places_while_the_loop_is_busy(
    clocks: Clocks, busyness: Busyness, share: float, places: int
) -> None:
    held = Guard(Admission(64), ServiceSettings(), busyness)
    clocks.pass_window(share)
    taken = 0
    while held.try_enter():
        taken += 1
    assert taken == places
