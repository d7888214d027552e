import threading
from math import exp

import pytest

from service.admission import MEAN_SECONDS, Admission
from service.refusals import Overloaded


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_admission_refuses_who_comes_over_the_limit() -> None:
    admission = Admission(2)
    admission.enter()
    admission.enter()
    with pytest.raises(Overloaded, match="all 2 places") as caught:
        admission.enter()
    assert caught.value.retry_after_seconds == 1
    assert not admission.try_enter()
    assert admission.inflight == 2


def test_admission_gives_a_place_that_was_given_back() -> None:
    admission = Admission(1)
    admission.enter()
    admission.leave()
    assert admission.try_enter()


def test_admission_counts_right_from_many_threads() -> None:
    admission = Admission(1000)

    def come_and_go() -> None:
        for _ in range(500):
            admission.enter()
            admission.leave()

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admission.inflight == 0


def test_mean_is_the_share_of_time_that_requests_were_in_flight(hand: Hand) -> None:
    admission = Admission(10, hand)
    for _ in range(3000):
        admission.enter()
        admission.enter()
        hand.seconds += 0.0025
        admission.leave()
        admission.leave()
        hand.seconds += 0.0075
    assert admission.mean_inflight() == pytest.approx(0.5 * (1 - exp(-3)), rel=0.01)


def test_mean_follows_a_steady_number_and_forgets_it(hand: Hand) -> None:
    admission = Admission(10, hand)
    for _ in range(4):
        admission.enter()
    hand.seconds += 6 * MEAN_SECONDS
    assert admission.mean_inflight() == pytest.approx(4, rel=0.01)
    for _ in range(4):
        admission.leave()
    hand.seconds += 6 * MEAN_SECONDS
    assert admission.mean_inflight() == pytest.approx(0, abs=0.02)


def test_mean_is_not_moved_by_when_it_is_read(hand: Hand) -> None:
    often, once = Admission(10, hand), Admission(10, hand)
    for admission in (often, once):
        admission.enter()
    for _ in range(100):
        hand.seconds += 0.1
        often.mean_inflight()
    assert often.mean_inflight() == pytest.approx(once.mean_inflight())
