"""A copy of the champion that is damaged on purpose, to watch how Tidecast gets rid of it.

Nine tenths of its distribution lie three standard deviations too high at odd steps and too low at
even ones, in a third of the width, so that no trend can make it look good, and no handful of hours.
The last tenth lies as far on the other side as keeps the mean at the price. It forecasts finite,
ordered prices: only its live score can tell that it is bad.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tidecast.errors import ForecastUnavailable, InvalidParameter
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.artefact import save
from tidecast.models.baselines import RandomWalk
from tidecast.models.calibration import Calibration
from tidecast.models.ensemble import Ensemble
from tidecast.models.model import Model
from tidecast.models.volatility_baselines import VolatilityBaseline
from tidecast.registry import Registry
from tidecast.timeframes import Market

NARROWING = 0.33
SHIFT = 3.0
"""Standard deviations that most of the distribution is moved."""
TAIL = 0.1
"""Share of the distribution that is moved the other way, by 27 standard deviations.

Not measured: chosen so that the median moves by ``SHIFT``. A smaller share has to move further, and
a forecast with a quantile beyond ``MAX_RETURN`` is refused."""
_LOW, _HIGH = LEVELS.index(0.16), LEVELS.index(0.84)


def register_broken_copy(registry: Registry, market: Market) -> tuple[str, str]:
    """Register the copy; returns its version and what to call it.

    Raises:
        ForecastUnavailable: there is no champion.
        InvalidParameter: it is not known how to damage such a champion.
    """
    champion = registry.champion(market)
    if champion is None:
        raise ForecastUnavailable(f"{market} has no champion yet; run `tidecast train {market}`")
    artefact = registry.load(market, champion.version)
    model = damaged(artefact.model)
    name = f"BROKEN ON PURPOSE: copy of version {champion.version}"
    facts = artefact.facts | {"broken_on_purpose": True, "copy_of": champion.version}
    with tempfile.TemporaryDirectory(prefix="tidecast-broken-") as scratch:
        folder = Path(scratch) / "artefact"
        save(folder, model, Calibration.initial(model.horizon), facts)
        parameters = {"model": name, "narrowing": NARROWING, "shift": SHIFT}
        version = registry.register(market, folder, parameters=parameters, metrics={})
    return version, name


def damaged(model: Model) -> Model:
    """The model with bands that are too narrow and in the wrong place.

    Raises:
        InvalidParameter: it is not known how to damage such a model.
    """
    shift = _shift(model.horizon)
    if isinstance(model, Ensemble | VolatilityBaseline):
        return replace(model, shape=model.shape * NARROWING + shift)
    if isinstance(model, RandomWalk):
        deviation = np.ptp(model.table[:, [_LOW, _HIGH]], axis=1)[:, None] / 2
        return replace(model, table=model.table * NARROWING + shift * deviation)
    raise InvalidParameter(
        f"the champion is a {model.name}",
        field="broken",
        allowed="a champion that is a rung of the ladder: ensemble, garch, ewma, random_walk",
    )


def _shift(horizon: int) -> Floats:
    """Standard deviations that each quantile is moved, shape ``(horizon, len(LEVELS))``."""
    levels = np.array(LEVELS)
    other_way = SHIFT * (1 - TAIL) / TAIL
    up = np.where(levels <= TAIL, -other_way, SHIFT)
    odd = np.arange(horizon)[:, None] % 2 == 0
    return np.where(odd, up, -up[::-1])
