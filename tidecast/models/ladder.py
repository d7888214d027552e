"""The ladder: which model a market is served by while its history grows.

A young market is served by the simplest model that its history supports, and moves up when there
are enough candles for a better one and the gate prefers it. Candles are counted, not hours: a
missing one does not count.
"""

from dataclasses import dataclass

from tidecast.errors import TooFewCandles
from tidecast.models.baselines import MIN_RETURNS, RandomWalk
from tidecast.models.shape import MIN_RESIDUALS
from tidecast.models.volatility_baselines import MEMORY, Ewma, Garch

ENSEMBLE = "ensemble"
"""Name of the model at the top; its class is not imported, which would load scikit-learn."""
GARCH_CANDLES = 1000
"""Candles that a fit of GARCH needs; with fewer it was no better than EWMA on young markets."""
ENSEMBLE_CANDLES = {"5m": 4300, "1h": 3000, "1d": 1300}
"""Candles that a fit of the ensemble needs, more than its features take.

CRPS against GARCH on SOL, AVAX and NEAR, 14 weeks of each: 5.0 % higher when fitted on 1,816
hours, 1.9 % higher on 2,080, 0.1 % lower on 3,000, 0.3 % lower on 4,400 (10 weeks). Days gain
nothing from more: on BTC and ETH it is within 0.7 % of EWMA from 1,324 to 2,200. Behind its
features 5m has as many rows as 1h.
"""
JUDGED_HORIZONS = 3
"""A judgement needs this many times the horizon in cutoffs: fewer hold no noise to measure."""
MIN_JUDGED = 96
"""Fewer newer candles than this are not worth a judgement, however short the horizon is.

Not measured: chosen as four days of hours, so that they hold every hour of the day four times."""


@dataclass(frozen=True)
class Rung:
    """A model of the ladder and the history that it needs.

    Attributes:
        model: name in the catalogue.
        fit_candles: candles that a fit needs.
        judged_candles: newer candles that a first judgement needs; 0 for the random walk, which
            is what others are judged against.
    """

    model: str
    fit_candles: int
    judged_candles: int

    @property
    def candles(self) -> int:
        """Candles from which on the model can serve."""
        return self.fit_candles + self.judged_candles


def ladder(interval: str, horizon: int) -> tuple[Rung, ...]:
    """Every rung, the lowest first.

    Args:
        interval: of the candles.
        horizon: number of steps of a forecast.
    """
    judged = least_judged(horizon)
    return (
        Rung(RandomWalk.name, MIN_RETURNS + 1, 0),
        Rung(Ewma.name, MEMORY + MIN_RESIDUALS + horizon, judged),
        Rung(Garch.name, GARCH_CANDLES + horizon, judged),
        Rung(ENSEMBLE, ENSEMBLE_CANDLES[interval] + horizon, judged),
    )


def least_judged(horizon: int) -> int:
    """Candles to keep out of a fit, at least, or a judgement is left to luck."""
    return max(MIN_JUDGED, JUDGED_HORIZONS * horizon)


def supported_rungs(interval: str, horizon: int, candles: int) -> tuple[Rung, ...]:
    """The rungs that this number of candles supports, highest first.

    Raises:
        TooFewCandles: there are too few for the lowest.
    """
    rungs = ladder(interval, horizon)
    supported = tuple(rung for rung in reversed(rungs) if rung.candles <= candles)
    if not supported:
        raise TooFewCandles(rungs[0].candles, candles)
    return supported


def find_rung(model: str, interval: str, horizon: int) -> Rung | None:
    """The rung of a model; None for one that is not on the ladder."""
    return next((rung for rung in ladder(interval, horizon) if rung.model == model), None)


def higher_rung(model: str, interval: str, horizon: int, candles: int) -> Rung | None:
    """The highest rung that the history supports, if it is above that of the model.

    A model that is not on the ladder was chosen by a person: nothing is above it.
    """
    current = find_rung(model, interval, horizon)
    if current is None or candles < current.candles:
        return None
    highest = supported_rungs(interval, horizon, candles)[0]
    return highest if highest.candles > current.candles else None


def short_history_reason(model: str, interval: str, horizon: int, candles: int) -> str | None:
    """Why a simple model serves, in words; None if it is not for want of candles.

    Args:
        model: name of the model that serves.
        interval: of the candles.
        horizon: number of steps of a forecast.
        candles: how many the market has.
    """
    top = ladder(interval, horizon)[-1]
    if model == top.model or candles >= top.candles:
        return None
    if find_rung(model, interval, horizon) is None:
        return None
    return (
        f"short history: {candles:,} candles, the {top.model} needs {top.candles:,};"
        f" forecast by {model}"
    )
