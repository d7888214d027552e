"""Whether a stream of loss differences has shifted upwards for good: a one-sided CUSUM.

Page (1954), Biometrika 41. The stream is ``loss_difference`` of step 1, one value per cutoff in
order. The first ``WARM_UP`` values after a new champion say what is normal; later ones are
standardised by them and summed as long as they stay above ``ALLOWANCE``. Nothing here reads a
clock or keeps a state of its own.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from tidecast.errors import InvalidParameter

WARM_UP = 168
"""Values that set the normal mean and deviation: one week of hours."""
ALLOWANCE = 0.5
"""Standard deviations above normal that are tolerated: half of the shift worth finding."""
THRESHOLD = 15.0
"""Sum of excess deviations at which the alarm goes off.

Measured on BTC hours of 2019 to 2025 with an EWMA-scaled model: one false alarm in four months of
hours; bands that become three times too narrow are found in 29 hours (median), 2.5 times too wide
in 11."""
MAX_DEVIATION = 4.0
"""No single value counts for more deviations: one flash crash is not a change of regime."""


@dataclass(frozen=True)
class CusumState:
    """Everything the detector remembers.

    Attributes:
        count: values seen since the start or the last alarm's restart.
        mean: mean of the warm-up values.
        squares: their sum of squared deviations from the mean.
        total: sum of excess deviations, at least zero.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    total: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The inverse of ``to_dict``.

        Raises:
            InvalidParameter: it is not such a state.
        """
        try:
            return cls(
                int(fields["count"]),
                float(fields["mean"]),
                float(fields["squares"]),
                float(fields["total"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidParameter(
                f"not a CUSUM state: {error!r}", field="state", allowed=str(asdict(CusumState()))
            ) from error


def loss_difference(crps: float, baseline_crps: float, width_90: float) -> float:
    """CRPS beyond that of the random walk, in widths of the forecast's own 90 % band.

    Losses grow with volatility, and so does their difference; the width takes most of that out.
    Without it false alarms are ten times as frequent.
    """
    return (crps - baseline_crps) / width_90 if width_90 > 0 else math.nan


def advance(state: CusumState, value: float) -> tuple[CusumState, bool]:
    """Take one value in; True when it sets off the alarm.

    After an alarm the sum starts at zero again and what is normal stays, so a shift that lasts
    sets it off again and again. A value that is not finite changes nothing.
    """
    if not math.isfinite(value):
        return state, False
    if state.count < WARM_UP:
        return _learn(state, value), False
    deviation = math.sqrt(state.squares / (WARM_UP - 1))
    excess = _standardise(value - state.mean, deviation) - ALLOWANCE
    total = max(0.0, state.total + excess)
    alarm = total > THRESHOLD
    grown = CusumState(state.count + 1, state.mean, state.squares, 0.0 if alarm else total)
    return grown, alarm


def _learn(state: CusumState, value: float) -> CusumState:
    """Welford's update of mean and squares."""
    count = state.count + 1
    mean = state.mean + (value - state.mean) / count
    squares = state.squares + (value - state.mean) * (value - mean)
    return CusumState(count, mean, squares, 0.0)


def _standardise(excess: float, deviation: float) -> float:
    """In deviations, at most ``MAX_DEVIATION``; a stream that never moved counts any rise fully."""
    if deviation > 0:
        return max(-MAX_DEVIATION, min(MAX_DEVIATION, excess / deviation))
    return math.copysign(MAX_DEVIATION, excess) if excess else 0.0
