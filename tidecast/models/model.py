"""What every model is: something fitted that turns candles into return distributions."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pandas as pd

from tidecast.forecasts import Floats

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


@dataclass(frozen=True)
class ReturnForecasts:
    """Distributions of the log return from the cutoff to each step, at ``n`` cutoffs.

    Attributes:
        cutoffs: shape ``(n,)``, UTC instants.
        close: shape ``(n,)``, price at each cutoff.
        center: shape ``(n, horizon)``, location of the log return; 0 for a random walk.
        quantiles: shape ``(n, horizon, len(LEVELS))``, log returns, not decreasing along levels.
    """

    cutoffs: pd.DatetimeIndex
    close: Floats
    center: Floats
    quantiles: Floats

    def __len__(self) -> int:
        return len(self.cutoffs)

    def take(self, rows: slice) -> Self:
        """The forecasts of some of the cutoffs."""
        return replace(
            self,
            cutoffs=self.cutoffs[rows],
            close=self.close[rows],
            center=self.center[rows],
            quantiles=self.quantiles[rows],
        )


class Model(Protocol):
    """A fitted model. ``predict`` changes neither the model nor the candles it is given.

    Attributes:
        name: what reports call it.
        interval: interval of the candles it was fitted on.
        horizon: number of steps it forecasts.
        needed_candles: candles up to and including the first cutoff that ``predict`` needs.
    """

    name: ClassVar[str]

    @property
    def interval(self) -> str: ...  # noqa: D102
    @property
    def horizon(self) -> int: ...  # noqa: D102
    @property
    def needed_candles(self) -> int: ...  # noqa: D102

    def predict(
        self, candles: pd.DataFrame, cutoffs: pd.DatetimeIndex | None = None
    ) -> ReturnForecasts:
        """Forecast at the given cutoffs, or after the last candle when None.

        The result at a cutoff does not depend on which other cutoffs are asked, nor on candles
        older than ``needed_candles``, to the last bit.

        Raises:
            TooFewCandles: the first cutoff has less history than ``needed_candles``.
        """
        ...

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Everything that ``from_state`` needs: JSON-able parameters, and arrays by name."""
        ...

    @classmethod
    def from_state(cls, parameters: dict[str, Any], arrays: Arrays) -> Self:
        """The inverse of ``state``; the same forecasts to the last bit."""
        ...
