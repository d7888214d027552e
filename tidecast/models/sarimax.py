"""Centre by SARIMAX: autoregression of the returns with Fourier terms as regressors.

The fit is statsmodels'. A forecast needs only the coefficients and the newest returns, so the
recursion is written out here and no results object is kept; a test holds it against statsmodels.
"""

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from tidecast.errors import FitFailed
from tidecast.features.grid import Grid, Positions
from tidecast.features.seasons import TERMS, fourier_terms
from tidecast.features.volatility import log_returns
from tidecast.forecasts import Floats
from tidecast.models.model import Arrays

ORDER = 2
"""Autoregressive order. A moving-average term won nothing and needs a filter to forecast."""
FIT_CANDLES = 4320
"""Newest returns of a fit; half a year of hours fits in about a second."""
MAX_ITERATIONS = 20
PERCENT = 100.0
"""Returns are fitted in percent: the optimiser stops early on numbers around 1e-3."""


@dataclass(frozen=True)
class SarimaxCenter:
    """Coefficients of ``return = seasonal + u``, ``u`` autoregressive.

    Attributes:
        seasonal: shape ``(TERMS,)``, percent.
        autoregression: shape ``(ORDER,)``.
    """

    seasonal: Floats
    autoregression: Floats

    @classmethod
    def fit(cls, grid: Grid, last: int) -> Self:
        """Fit on the returns of the active candles before position ``last``.

        Raises:
            FitFailed: statsmodels found no finite or no stationary coefficients.
        """
        # Imported here: a process that serves only predicts, and statsmodels loads for a second.
        from statsmodels.tools.sm_exceptions import ConvergenceWarning
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        active = grid.active
        end = int(np.searchsorted(active.positions, last))
        first = max(1, end - FIT_CANDLES)
        returns = PERCENT * log_returns(active)[first:end]
        exog = fourier_terms(grid.ends[active.positions[first:end]])
        returns = returns - returns.mean()
        model = SARIMAX(returns, exog=exog, order=(ORDER, 0, 0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            params = np.asarray(
                model.fit(
                    start_params=_start(returns, exog),
                    method="lbfgs",
                    maxiter=MAX_ITERATIONS,
                    disp=False,
                    return_params=True,
                ),
                dtype=np.float64,
            )
        if not np.isfinite(params).all():
            raise FitFailed(f"SARIMAX coefficients are not finite: {params}")
        return cls(params[:TERMS], params[TERMS : TERMS + ORDER])

    def predict(self, grid: Grid, rows: Positions, horizon: int) -> Floats:
        """Expected log return from each row to each step, shape ``(rows, horizon)``."""
        returns = PERCENT * log_returns(grid.active)
        newest = grid.active.newest(rows)
        lags = [self._unseasonal(grid, returns, newest - lag) for lag in range(ORDER)]
        center = np.zeros((len(rows), horizon))
        total = np.zeros(len(rows))
        for step in range(1, horizon + 1):
            ahead = self.autoregression[0] * lags[0] + self.autoregression[1] * lags[1]
            lags = [ahead, lags[0]]
            target = grid.ends[rows] + step * pd.Timedelta(grid.length)
            total = total + ahead + self._season(pd.DatetimeIndex(target))
            center[:, step - 1] = total / PERCENT
        return center

    def state(self) -> Arrays:
        """Arrays that ``from_state`` needs."""
        return {
            "sarimax_seasonal": self.seasonal,
            "sarimax_autoregression": self.autoregression,
        }

    @classmethod
    def from_state(cls, arrays: Arrays) -> Self:
        """The inverse of ``state``."""
        return cls(arrays["sarimax_seasonal"], arrays["sarimax_autoregression"])

    def _unseasonal(self, grid: Grid, returns: Floats, indices: Positions) -> Floats:
        """Returns of some active candles without their season, percent."""
        ends = grid.ends[grid.active.positions[indices]]
        return np.asarray(returns[indices] - self._season(pd.DatetimeIndex(ends)))

    def _season(self, ends: pd.DatetimeIndex) -> Floats:
        season = np.zeros(len(ends))
        for term, weight in zip(fourier_terms(ends).T, self.seasonal, strict=True):
            season += weight * term
        return season


def _start(returns: Floats, exog: Floats) -> Floats:
    """Least squares first: the optimiser then needs a few iterations instead of hundreds."""
    seasonal = np.linalg.lstsq(exog, returns, rcond=None)[0]
    rest = returns - exog @ seasonal
    lagged = np.column_stack([rest[ORDER - lag : -lag] for lag in range(1, ORDER + 1)])
    autoregression = np.linalg.lstsq(lagged, rest[ORDER:], rcond=None)[0]
    return np.concatenate([seasonal, autoregression, [np.var(rest)]])
