"""Scale of the return distribution: log variance per step from HAR, corrected by boosting.

HAR (Corsi 2009) is a ridge regression of the log mean variance of the next ``h`` candles on log
variances over several spans, signed returns, volume and the calendar, one for each step. Gradient
boosting learns what HAR leaves over, in one model for all steps with the step as a feature.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tidecast.errors import FitFailed
from tidecast.features.grid import Grid, Positions
from tidecast.features.matrix import Matrix
from tidecast.features.volatility import forward_log_variance
from tidecast.forecasts import Floats
from tidecast.models.boosting import (
    CHOSEN,
    Boosting,
    BoostingParameters,
    sample_steps,
)
from tidecast.models.model import Arrays

RIDGE = 1.0
"""Penalty of the HAR coefficients, in squared units of the features; it only keeps them finite."""
MIN_TARGETS = 400
"""As many as a leaf of the boosting holds: a market of every second hour has none."""
STEPS_PER_ROW = 2
"""Steps drawn for each training row of the stacked boosting; more cost time and won nothing."""


@dataclass(frozen=True)
class Scale:
    """Fitted scale.

    Attributes:
        har: shape ``(design columns, horizon)``, coefficients.
        boosting: corrects the log variance of HAR.
    """

    har: Floats
    boosting: Boosting

    @classmethod
    def fit(
        cls,
        grid: Grid,
        matrix: Matrix,
        rows: Positions,
        horizon: int,
        seed: int,
        parameters: BoostingParameters = CHOSEN,
    ) -> Self:
        """Fit on the given rows, each step on those with an active candle in it.

        Args:
            grid: candles.
            matrix: features at ``rows``.
            rows: positions in the grid.
            horizon: number of steps.
            seed: of the drawn steps.
            parameters: of the boosting.

        Raises:
            FitFailed: a step has fewer than ``MIN_TARGETS`` rows with a target.
        """
        target = forward_log_variance(grid, horizon)[rows]
        fewest = int(np.isfinite(target).sum(axis=0).min())
        if fewest < MIN_TARGETS:
            raise FitFailed(
                f"a step has {fewest} candles with another one in it, the scale needs {MIN_TARGETS}"
            )
        design = _har_design(matrix)
        har = _ridge(design, target)
        residual = target - _times(design, har)
        stacked, left = sample_steps(matrix, residual, STEPS_PER_ROW, np.random.default_rng(seed))
        return cls(har, Boosting.fit(stacked, left, seed, parameters=parameters))

    def log_variance(self, matrix: Matrix) -> tuple[Floats, Floats]:
        """Log mean variance per candle, each ``(rows, horizon)``: of HAR, and of both together."""
        har = _times(_har_design(matrix), self.har)
        return har, har + self.boosting.predict_steps(matrix, har.shape[1])

    def state(self) -> Arrays:
        """Arrays that ``from_state`` needs."""
        return {"har": self.har, **self.boosting.state("scale_boosting")}

    @classmethod
    def from_state(cls, arrays: Arrays) -> Self:
        """The inverse of ``state``."""
        return cls(arrays["har"], Boosting.from_state("scale_boosting", arrays))


def deviations(log_variance: Floats) -> Floats:
    """Standard deviation of the return to each step from the log mean variance per candle."""
    steps = np.arange(1, log_variance.shape[1] + 1)
    return np.asarray(np.exp(0.5 * log_variance) * np.sqrt(steps))


def _har_design(matrix: Matrix) -> Floats:
    hours = np.eye(24)[matrix.hour][:, 1:]
    weekdays = np.eye(7)[matrix.weekday][:, 1:]
    chosen = [
        i
        for i, name in enumerate(matrix.names)
        if name.startswith(("log_", "downside_", "return_"))
    ]
    return np.column_stack([np.ones(len(matrix)), matrix.values[:, chosen], hours, weekdays])


def _ridge(design: Floats, target: Floats) -> Floats:
    """Coefficients of each column of the target, shape ``(design columns, horizon)``."""
    if np.isfinite(target).all():
        return _solve(design, target)
    known = np.isfinite(target)
    return np.column_stack(
        [_solve(design[rows], column[rows]) for rows, column in zip(known.T, target.T, strict=True)]
    )


def _solve(design: Floats, target: Floats) -> Floats:
    penalty = RIDGE * np.eye(design.shape[1])
    return np.asarray(np.linalg.solve(design.T @ design + penalty, design.T @ target))


def _times(design: Floats, coefficients: Floats) -> Floats:
    """Matrix product whose bits for a row do not depend on its batch; BLAS does not promise it."""
    product = np.zeros((len(design), coefficients.shape[1]))
    for column, weights in zip(design.T, coefficients, strict=True):
        product += column[:, None] * weights
    return product
