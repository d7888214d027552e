"""All models by name."""

from collections.abc import Callable

import pandas as pd
from threadpoolctl import threadpool_limits

from tidecast.errors import ConfigurationError
from tidecast.models.baselines import RandomWalk
from tidecast.models.boosting import CHOSEN, BoostingParameters
from tidecast.models.ensemble import Ensemble
from tidecast.models.model import Model
from tidecast.models.seasonal_naive import SeasonalNaive
from tidecast.models.volatility_baselines import Ewma, Garch

CLASSES: dict[str, type[Model]] = {
    Ensemble.name: Ensemble,
    RandomWalk.name: RandomWalk,
    Ewma.name: Ewma,
    Garch.name: Garch,
    SeasonalNaive.name: SeasonalNaive,
}
BASELINES = (RandomWalk.name, Ewma.name, Garch.name, SeasonalNaive.name)


def fit(
    name: str,
    candles: pd.DataFrame,
    interval: str,
    horizon: int,
    *,
    seed: int = 7,
    threads: int = 1,
    parameters: BoostingParameters = CHOSEN,
) -> Model:
    """Fit a model by its name on a candle frame.

    Args:
        name: a key of ``CLASSES``.
        candles: training window.
        interval: interval of the candles.
        horizon: number of steps.
        seed: of everything random.
        threads: most threads a fit may use; the model has the same bits with any number.
        parameters: of the boostings, where the model has any.

    Raises:
        ConfigurationError: no model has this name.
        TooFewCandles: the history is too short for it.
        FitFailed: the fit did not work.
    """
    fitters: dict[str, Callable[[], Model]] = {
        Ensemble.name: lambda: Ensemble.fit(candles, interval, horizon, seed, parameters),
        RandomWalk.name: lambda: RandomWalk.fit(candles, interval, horizon),
        Ewma.name: lambda: Ewma.fit(candles, interval, horizon),
        Garch.name: lambda: Garch.fit(candles, interval, horizon),
        SeasonalNaive.name: lambda: SeasonalNaive.fit(candles, interval, horizon),
    }
    if name not in fitters:
        raise ConfigurationError(f"no model {name!r}; there are {', '.join(fitters)}")
    # BLAS sums in another order with other threads; its matrices here are too small to need two.
    with threadpool_limits(1, user_api="blas"), threadpool_limits(threads, user_api="openmp"):
        return fitters[name]()
