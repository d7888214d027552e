"""The ensemble: a centre near the random walk, a HAR and boosting scale, an empirical shape."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from tidecast.errors import TooFewCandles
from tidecast.features.grid import ACTIVE, Grid, Positions, unbroken_returns
from tidecast.features.matrix import SPANS, Matrix, build_matrix, needed_candles
from tidecast.features.volatility import interruption_factor
from tidecast.forecasts import Floats
from tidecast.models.boosting import (
    CHOSEN,
    Boosting,
    BoostingParameters,
    sample_steps,
)
from tidecast.models.combination import center_weights
from tidecast.models.model import Arrays, ReturnForecasts
from tidecast.models.sarimax import SarimaxCenter
from tidecast.models.scale import Scale, deviations
from tidecast.models.shape import empirical_shape

HOLD_OUT_SHARE = 0.25
"""Newest share of the training window kept out of a first fit, to learn weights and shape on it."""
MIN_ROWS = 1000
"""Fewer training rows than this and nothing is fitted."""


@dataclass(frozen=True)
class Parts:
    """What is fitted on one stretch of rows: the scale and the two centers.

    Attributes:
        ranges: shape ``(2, features)``, lowest and highest value of each feature in the fit.
    """

    ranges: Floats
    scale: Scale
    sarimax: SarimaxCenter
    boosting: Boosting

    @classmethod
    def fit(
        cls,
        grid: Grid,
        matrix: Matrix,
        rows: Positions,
        last: int,
        horizon: int,
        seed: int,
        parameters: BoostingParameters = CHOSEN,
    ) -> Self:
        """Fit on rows whose targets all lie before position ``last``."""
        standardised = unbroken_returns(grid, horizon)[rows] / _recent_deviations(
            grid, matrix, horizon
        )
        stacked, target = sample_steps(matrix, standardised, 1, np.random.default_rng(seed + 1))
        return cls(
            np.stack([matrix.values.min(axis=0), matrix.values.max(axis=0)]),
            Scale.fit(grid, matrix, rows, horizon, seed, parameters),
            SarimaxCenter.fit(grid, last),
            Boosting.fit(stacked, target, seed, parameters.center_trees, parameters),
        )

    def centers(self, grid: Grid, matrix: Matrix, rows: Positions, horizon: int) -> Floats:
        """Log returns expected by SARIMAX and by boosting, shape ``(2, rows, horizon)``."""
        matrix = matrix.clipped(self.ranges)
        boosted = self.boosting.predict_steps(matrix, horizon)
        return np.stack(
            [
                self.sarimax.predict(grid, rows, horizon),
                boosted * _recent_deviations(grid, matrix, horizon),
            ]
        )

    def deviations(self, grid: Grid, matrix: Matrix, rows: Positions) -> tuple[Floats, Floats]:
        """Standard deviations of returns, each ``(rows, horizon)``: by HAR, and by the scale."""
        har, both = self.scale.log_variance(matrix.clipped(self.ranges))
        factor = interruption_factor(grid, rows)[:, None]
        return factor * deviations(har), factor * deviations(both)


@dataclass(frozen=True)
class Ensemble:
    """Fitted ensemble.

    Attributes:
        parts: fitted on the whole window.
        weights: of SARIMAX and boosting; the random walk has the rest.
        shape: ``(horizon, len(LEVELS))``, standard deviations.
        har_shape: the same for the scale of HAR alone, for the report on members.
    """

    name: ClassVar[str] = "ensemble"
    interval: str
    horizon: int
    parts: Parts
    weights: Floats
    shape: Floats
    har_shape: Floats

    @classmethod
    def fit(
        cls,
        candles: pd.DataFrame,
        interval: str,
        horizon: int,
        seed: int,
        parameters: BoostingParameters = CHOSEN,
    ) -> Self:
        """Fit on all candles given; ``parameters`` are those of the boostings.

        Raises:
            TooFewCandles: fewer than ``MIN_ROWS`` rows have features and targets.
        """
        grid = Grid.of(candles, interval)
        first = needed_candles(interval) - 1
        rows = np.flatnonzero(grid.present[: max(0, len(grid) - horizon)])
        rows = rows[grid.active.newest(rows) >= first]
        if len(rows) < MIN_ROWS:
            raise TooFewCandles(MIN_ROWS + first + horizon, len(grid.active), ACTIVE)
        matrix = build_matrix(grid, rows)
        split = int(rows[int(len(rows) * (1 - HOLD_OUT_SHARE))])
        weights, shape, har_shape = _learn_out_of_fold(
            grid, matrix, rows, split, horizon, seed, parameters
        )
        parts = Parts.fit(grid, matrix, rows, len(grid), horizon, seed, parameters)
        return cls(interval, horizon, parts, weights, shape, har_shape)

    @property
    def needed_candles(self) -> int:
        """Active ones, those of the longest feature."""
        return needed_candles(self.interval)

    def predict(
        self, candles: pd.DataFrame, cutoffs: pd.DatetimeIndex | None = None
    ) -> ReturnForecasts:
        """See ``Model.predict``."""
        return self.predict_members(candles, cutoffs)[self.name]

    def predict_members(
        self, candles: pd.DataFrame, cutoffs: pd.DatetimeIndex | None = None
    ) -> dict[str, ReturnForecasts]:
        """Forecasts of the ensemble and of each part of it on its own.

        ``sarimax`` and ``boosting`` are the two centres under the ensemble's band; ``har`` is the
        scale without boosting around the random walk.
        """
        grid = Grid.of(candles, self.interval)
        rows = grid.positions(cutoffs, 1)
        grid.active.require(rows, self.needed_candles)
        matrix = build_matrix(grid, rows)
        centers = self.parts.centers(grid, matrix, rows, self.horizon)
        har, both = self.parts.deviations(grid, matrix, rows)
        band = both[..., None] * self.shape
        blended = self.weights[0] * centers[0] + self.weights[1] * centers[1]
        around = {
            self.name: (blended, band),
            "sarimax": (centers[0], band),
            "boosting": (centers[1], band),
            "har": (np.zeros_like(blended), har[..., None] * self.har_shape),
        }
        return {
            name: ReturnForecasts(
                grid.ends[rows], grid.close[rows], center, center[..., None] + spread
            )
            for name, (center, spread) in around.items()
        }

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Parameters and arrays for ``from_state``."""
        arrays = {
            "weights": self.weights,
            "shape": self.shape,
            "har_shape": self.har_shape,
            "feature_ranges": self.parts.ranges,
            **self.parts.boosting.state("center_boosting"),
            **self.parts.scale.state(),
            **self.parts.sarimax.state(),
        }
        return {"interval": self.interval, "horizon": self.horizon}, arrays

    @classmethod
    def from_state(cls, parameters: dict[str, Any], arrays: Arrays) -> Self:
        """The inverse of ``state``."""
        parts = Parts(
            arrays["feature_ranges"],
            Scale.from_state(arrays),
            SarimaxCenter.from_state(arrays),
            Boosting.from_state("center_boosting", arrays),
        )
        return cls(
            parameters["interval"],
            parameters["horizon"],
            parts,
            arrays["weights"],
            arrays["shape"],
            arrays["har_shape"],
        )


def _learn_out_of_fold(
    grid: Grid,
    matrix: Matrix,
    rows: Positions,
    split: int,
    horizon: int,
    seed: int,
    parameters: BoostingParameters,
) -> tuple[Floats, Floats, Floats]:
    """Weights, shape and shape of HAR from the rows after ``split``, by parts fitted before it."""
    early, late = rows < split - horizon, rows >= split
    parts = Parts.fit(grid, matrix.take(early), rows[early], split, horizon, seed, parameters)
    unseen = matrix.take(late)
    returns = unbroken_returns(grid, horizon)[rows[late]]
    centers = parts.centers(grid, unseen, rows[late], horizon)
    har, both = parts.deviations(grid, unseen, rows[late])
    weights = center_weights(centers, returns, both)
    blended = weights[0] * centers[0] + weights[1] * centers[1]
    return weights, empirical_shape((returns - blended) / both), empirical_shape(returns / har)


def _recent_deviations(grid: Grid, matrix: Matrix, horizon: int) -> Floats:
    """Standard deviation of the return to each step if the last day's variance went on."""
    recent = matrix.column(f"log_variance_{SPANS[grid.interval].variance[5]}")
    return deviations(np.repeat(recent[:, None], horizon, axis=1))
