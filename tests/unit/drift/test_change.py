import json
import math

import numpy as np
import pytest

from tidecast.drift import CusumState, advance, loss_difference
from tidecast.drift.change import WARM_UP
from tidecast.errors import InvalidParameter
from tidecast.forecasts import Floats


def alarms(stream: Floats) -> list[int]:
    state, found = CusumState(), []
    for index, value in enumerate(stream):
        state, alarm = advance(state, float(value))
        if alarm:
            found.append(index)
    return found


def naive_first_alarm(stream: Floats) -> int:
    """By the definition: the largest sum of excess that ends here and begins anywhere after."""
    warm = stream[:WARM_UP]
    z = np.clip((stream - warm.mean()) / warm.std(ddof=1), -4, 4) - 0.5
    for end in range(WARM_UP, len(stream)):
        if max(z[start : end + 1].sum() for start in range(WARM_UP, end + 1)) > 15:
            return end
    raise AssertionError("no alarm")


def shifted(seed: int, at: int, size: float) -> Floats:
    stream = np.random.default_rng(seed).normal(0.2, 0.1, 600)
    stream[at:] += size * 0.1
    return stream


@pytest.mark.parametrize(
    ("seed", "at", "size", "first"), [(1, 300, 2.0, 308), (2, 400, 1.0, 436), (3, 168, 3.0, 173)]
)
def test_cusum_raises_its_first_alarm_at_a_known_index(
    seed: int, at: int, size: float, first: int
) -> None:
    stream = shifted(seed, at, size)
    assert alarms(stream)[0] == naive_first_alarm(stream) == first


@pytest.mark.parametrize("seed", range(5))
def test_cusum_is_silent_without_a_shift(seed: int) -> None:
    assert alarms(np.random.default_rng(seed).normal(size=2000)) == []


def test_cusum_is_silent_when_errors_fall() -> None:
    assert alarms(shifted(1, 300, -3.0)) == []


def test_cusum_is_silent_while_it_warms_up() -> None:
    assert alarms(np.linspace(0, 100, WARM_UP)) == []


def test_cusum_repeats_its_alarm_while_the_shift_lasts() -> None:
    found = alarms(shifted(1, 300, 2.0))
    assert len(found) > 10
    assert min(np.diff(found)) >= 4


def test_cusum_takes_no_single_value_for_a_shift() -> None:
    stream = np.random.default_rng(6).normal(size=600)
    stream[[250, 350, 450]] = 1e6
    assert alarms(stream) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_cusum_ignores_values_that_are_not_finite(value: float) -> None:
    state = CusumState(count=200, mean=0.1, squares=3.0, total=2.0)
    assert advance(state, value) == (state, False)


def test_cusum_alarms_when_a_constant_stream_rises() -> None:
    stream = np.zeros(300)
    stream[200:] = 1e-3
    assert alarms(stream)[0] == 204


def test_cusum_goes_on_from_a_stored_state() -> None:
    stream = shifted(2, 400, 1.0)
    state = CusumState()
    for value in stream[:415]:
        state, _ = advance(state, float(value))
    state = CusumState.from_dict(json.loads(json.dumps(state.to_dict())))
    index, alarm = 414, False
    while not alarm:
        index += 1
        state, alarm = advance(state, float(stream[index]))
    assert index == alarms(stream)[0]


@pytest.mark.parametrize("fields", [{}, {"count": "x", "mean": 0, "squares": 0, "total": 0}])
def test_cusum_refuses_a_state_it_cannot_read(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter, match="not a CUSUM state"):
        CusumState.from_dict(fields)


def test_loss_difference_is_in_widths_of_the_band() -> None:
    assert loss_difference(0.004, 0.003, 0.02) == pytest.approx(0.05)


def test_loss_difference_is_unknown_without_a_width() -> None:
    assert math.isnan(loss_difference(0.004, 0.003, 0.0))
