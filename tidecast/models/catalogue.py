"""All models by name."""

from collections.abc import Callable

import pandas as pd

from tidecast.errors import ConfigurationError
from tidecast.models.baselines import RandomWalk
from tidecast.models.model import Model

CLASSES: dict[str, type[Model]] = {RandomWalk.name: RandomWalk}


def fit(
    name: str,
    candles: pd.DataFrame,
    interval: str,
    horizon: int,
    *,
    seed: int = 7,
    threads: int = 2,
) -> Model:
    """Fit a model by its name on a candle frame.

    Raises:
        ConfigurationError: no model has this name.
        TooFewCandles: the history is too short for it.
        FitFailed: the fit did not work.
    """
    fitters: dict[str, Callable[[], Model]] = {
        RandomWalk.name: lambda: RandomWalk.fit(candles, interval, horizon)
    }
    if name not in fitters:
        raise ConfigurationError(f"no model {name!r}; there are {', '.join(fitters)}")
    return fitters[name]()
