from hypothesis import given, settings
from hypothesis import strategies as st

from service.token_bucket import TokenBucket

RATES = st.floats(0.001, 100_000)


class HandClock:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


@settings(deadline=None)
@given(RATES, st.floats(0, 1e7))
def test_bucket_is_full_at_first_and_after_the_told_wait_there_is_one(
    rate: float, start: float
) -> None:
    clock = HandClock(start)
    bucket = TokenBucket(min(rate, 50), clock)
    burst = 0
    while not (wait := bucket.take()):
        burst += 1
    assert burst == max(1, int(min(rate, 50)))
    for _ in range(5):
        clock.seconds += wait
        assert bucket.take() == 0.0
        wait = bucket.take()
        assert wait > 0


@settings(deadline=None)
@given(st.lists(st.floats(0, 3), max_size=200), st.floats(0.5, 20))
def test_bucket_never_lets_more_through_than_rate_and_burst(
    pauses: list[float], rate: float
) -> None:
    clock = HandClock(0.0)
    bucket = TokenBucket(rate, clock)
    passed = 0
    for pause in pauses:
        clock.seconds += pause
        passed += bucket.take() == 0.0
    assert passed <= max(1.0, rate) + clock.seconds * rate + 1e-3


@settings(deadline=None)
@given(st.floats(0, 1e6), st.integers(1, 50))
def test_bucket_saves_no_more_than_one_second_up(idle: float, rate: int) -> None:
    clock = HandClock(0.0)
    bucket = TokenBucket(rate, clock)
    clock.seconds += idle
    assert sum(bucket.take() == 0.0 for _ in range(2 * rate)) == rate
