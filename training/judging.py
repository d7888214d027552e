"""Walks challenger, champion and baselines over the same hours and lets the gate judge.

All of them forecast every cutoff of the window from candles up to it. Challenger and champion are
corrected online on the way, as in service: each outcome is learned when its candle closes.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from tidecast.errors import ArtefactInvalid, FitFailed, TooFewCandles
from tidecast.evaluation.backtest import calibrate_online
from tidecast.evaluation.gate import RANDOM_WALK, Verdict, defect, judge
from tidecast.lifecycle.model_loading import load_version
from tidecast.models import catalogue
from tidecast.models.artefact import Artefact
from tidecast.models.calibration import Calibration
from tidecast.models.model import Model, ReturnForecasts
from tidecast.models.volatility_baselines import Ewma, Garch
from tidecast.registry import ModelVersion, Registry
from tidecast.store import Store
from tidecast.timeframes import Market
from training.smoke import BROKEN_MODEL
from training.window import Window

BASELINES = (RANDOM_WALK, Ewma.name, Garch.name)
FIRST_RANDOM_WALK = "the random walk, which a first champion is compared with"
JUDGED_UNTIL = "judged_until"
"""Fact of an artefact: the newest instant that its calibration knows."""


@dataclass(frozen=True)
class Champion:
    """The model in force, walked over the window.

    Attributes:
        version: None when there is no champion.
        forecasts: None when there is none or it is broken.
        broken: why it could not forecast.
    """

    version: str | None = None
    forecasts: ReturnForecasts | None = None
    broken: str | None = None

    @property
    def sound(self) -> bool:
        """Whether there is one that forecasts."""
        return self.forecasts is not None and defect(self.forecasts) is None


def walk_challenger(
    model: Model, window: Window, market: Market
) -> tuple[ReturnForecasts, Calibration]:
    """Forecasts as they would have been served, and the calibration at the end of the window."""
    calibration = Calibration.initial(model.horizon)
    raw = model.predict(window.candles, window.cutoffs)
    served = calibrate_online(raw, window.actual_returns, market, calibration)
    return served, calibration


def walk_champion(
    store: Store, registry: Registry, market: Market, window: Window, now: datetime
) -> Champion:
    """Forecasts of the champion; one that cannot forecast counts as broken.

    Raises:
        RegistryUnavailable: it is not known who the champion is, or its artefact is not cached.
    """
    champion = registry.champion(market)
    if champion is None:
        return Champion()
    try:
        artefact = load_version(store, registry, market, champion.version, now)
        forecasts = _walk(store, champion, artefact, window)
    except BROKEN_MODEL as error:
        return Champion(champion.version, broken=str(error) or repr(error))
    return Champion(champion.version, forecasts)


def walk_baselines(window: Window, market: Market, horizon: int) -> dict[str, ReturnForecasts]:
    """Forecasts of the baselines; one that cannot be fitted here is left out."""
    walked = {}
    for name in BASELINES:
        try:
            model = catalogue.fit(name, window.fitted, market.interval, horizon)
        except (FitFailed, TooFewCandles):
            continue
        walked[name] = model.predict(window.candles, window.cutoffs)
    return walked


def judge_all(
    model: str,
    challenger: ReturnForecasts,
    champion: Champion,
    baselines: dict[str, ReturnForecasts],
    window: Window,
    min_t: float,
) -> Verdict:
    """The gate's verdict, with what became of the champion in its figures and reasons.

    The random walk becomes the first champion even if the gate refuses it: it is what a first
    champion is compared with, and judging it against itself would measure only its online
    correction.
    """
    verdict = judge(challenger, champion.forecasts, baselines, window.actual_returns, min_t)
    first = model == RANDOM_WALK and not champion.sound and defect(challenger) is None
    if first and not verdict.passed:
        verdict = replace(verdict, passed=True, reasons=[FIRST_RANDOM_WALK])
    figures = {**verdict.figures, "champion_version": champion.version}
    if champion.broken is None:
        return replace(verdict, figures=figures)
    broken = f"champion {champion.version} counts as broken: {champion.broken}"
    figures["champion_broken"] = champion.broken
    return replace(verdict, figures=figures, reasons=[broken, *verdict.reasons])


def _walk(
    store: Store, champion: ModelVersion, artefact: Artefact, window: Window
) -> ReturnForecasts:
    model, horizon = artefact.model, window.actual_returns.shape[1]
    if model.horizon != horizon or model.interval != champion.market.interval:
        raise ArtefactInvalid(
            f"it forecasts {model.horizon} steps of {model.interval}, asked are {horizon} steps"
            f" of {champion.market.interval}"
        )
    raw = model.predict(window.candles, window.cutoffs)
    calibration = _calibration_at(store, champion, artefact, window.judged_from)
    return calibrate_online(raw, window.actual_returns, champion.market, calibration)


def _calibration_at(
    store: Store, champion: ModelVersion, artefact: Artefact, instant: datetime
) -> Calibration:
    """The newest state that knows nothing later than ``instant``."""
    stored = store.calibrations.get(champion.market, champion.version, as_of=instant)
    if stored is not None:
        return Calibration.from_json(stored[1])
    known_until = artefact.facts.get(JUDGED_UNTIL)
    if known_until is not None and datetime.fromisoformat(known_until) <= instant:
        return artefact.calibration
    return Calibration.initial(artefact.model.horizon)
