"""Online conformal correction of a model's quantiles, per step and level.

A quantile tracker (the proportional term of conformal PID, Angelopoulos et al. 2023,
arXiv 2307.16895): after each matured step every level moves up by ``rate * level`` when the price
came out above its quantile and down by ``rate * (1 - level)`` when it came out at or below. The
moves are in units of the model's own spread, so that one rate fits calm and wild hours. Over the
long run each level is then hit as often as it says, whatever the market does.
"""

import json
from dataclasses import dataclass
from typing import Self

import numpy as np

from tidecast.errors import ArtefactInvalid
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.model import ReturnForecasts

RATE = 0.01
"""Step size, in units of the central half's width."""
_LEVELS = np.array(LEVELS)
_LOWER, _UPPER = LEVELS.index(0.25), LEVELS.index(0.75)


@dataclass
class Calibration:
    """Shifts of every quantile, shape ``(horizon, len(LEVELS))``, in units of the central half."""

    shifts: Floats

    @classmethod
    def initial(cls, horizon: int) -> Self:
        """No correction yet."""
        return cls(np.zeros((horizon, len(LEVELS))))

    def apply(self, forecasts: ReturnForecasts) -> ReturnForecasts:
        """Corrected forecasts; quantiles stay in order and the centre stays as it is."""
        raw = forecasts.quantiles
        spread = raw[..., _UPPER, None] - raw[..., _LOWER, None]
        corrected = np.sort(raw + self.shifts * spread, axis=-1)
        return ReturnForecasts(forecasts.cutoffs, forecasts.close, forecasts.center, corrected)

    def update(self, step: int, served_quantiles: Floats, actual_return: float) -> None:
        """Learn from one matured step; call in the order of cutoffs.

        Args:
            step: 1..horizon.
            served_quantiles: shape ``(len(LEVELS),)``, the log-return quantiles that were served,
                corrected ones.
            actual_return: realised log return from the cutoff to the step.
        """
        self.shifts[step - 1] += RATE * (_LEVELS - (actual_return <= served_quantiles))

    def to_json(self) -> str:
        """Exact text of the state."""
        return json.dumps({"shifts": self.shifts.tolist()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the state back, bit for bit.

        Raises:
            ArtefactInvalid: the text is not such a state.
        """
        try:
            shifts = np.array(json.loads(text)["shifts"], dtype=np.float64)
        except (ValueError, KeyError, TypeError) as error:
            raise ArtefactInvalid(f"calibration state cannot be read: {error}") from error
        if shifts.ndim != 2 or shifts.shape[1] != len(LEVELS) or not np.isfinite(shifts).all():
            raise ArtefactInvalid(f"calibration state has the wrong shape {shifts.shape}")
        return cls(shifts)
