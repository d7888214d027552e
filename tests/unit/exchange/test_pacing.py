import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.exchange.pacing import Pacer


class FakeTime:
    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@given(
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    per_second=st.floats(0.2, 20),
    burst=st.integers(1, 10),
)
def test_pacer_never_lets_more_than_its_rate_through(pauses, per_second, burst):
    time = FakeTime()
    pacer = Pacer(per_second, burst, time.sleep, time.monotonic)
    passed = []
    for pause in pauses:
        time.at += pause
        pacer.wait()
        passed.append(time.at)
    for i, begin in enumerate(passed):
        for k in range(i, len(passed)):
            assert k - i + 1 <= burst + (passed[k] - begin) * per_second + 1e-6


def test_pacer_does_not_pause_within_its_burst():
    time = FakeTime()
    pacer = Pacer(1, 3, time.sleep, time.monotonic)
    for _ in range(3):
        pacer.wait()
    assert time.at == 0


def test_pacer_pauses_as_long_as_its_rate_wants():
    time = FakeTime()
    pacer = Pacer(0.5, 1, time.sleep, time.monotonic)
    for _ in range(3):
        pacer.wait()
    assert time.at == pytest.approx(4)
