"""One training of one market: fit, judge, register, promote the winner."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import pandas as pd

from tidecast.errors import FitFailed, RejectedError, TooFewCandles
from tidecast.evaluation.gate import Verdict
from tidecast.models import catalogue
from tidecast.models.forecasting import history_candles
from tidecast.models.ladder import ENSEMBLE, ladder, supported_rungs
from tidecast.models.model import ReturnForecasts
from tidecast.registry import Registry
from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.timeframes import Market, format_rfc3339
from training.challenger import Challenger, gate_metrics, verdict_record
from training.found import NOTHING, Found
from training.judging import judge_all, walk_baselines, walk_challenger, walk_champion
from training.progress import Progress, announced
from training.promotion import promote, reconcile
from training.window import Window, divide, read_history

BY = "training"


@dataclass(frozen=True)
class TrainingOutcome:
    """How a training ended.

    Attributes:
        status: promoted, kept (the champion stays, the challenger is registered) or failed.
        version: of the challenger, None when it was not registered.
        verdict: of the gate, None when it did not come to it.
        detail: one line for people.
        error: why it failed.
    """

    status: Literal["promoted", "kept", "failed"]
    version: str | None
    verdict: Verdict | None
    detail: str
    error: RejectedError | None = None


@dataclass(frozen=True)
class _Order:
    store: Store
    registry: Registry
    settings: Settings
    market: Market
    now: datetime
    reason: str
    model: str | None
    progress: Progress
    read_clock: Callable[[], datetime]
    study: str | None


def train_market(
    store: Store,
    registry: Registry,
    settings: Settings,
    market: Market,
    now: datetime,
    reason: str,
    progress: Progress = lambda line: None,
    *,
    model: str | None = None,
    read_clock: Callable[[], datetime] | None = None,
    study: str | None = None,
) -> TrainingOutcome:
    """Make a challenger from the candles known now and promote it if it wins.

    Args:
        store: where candles and promotions are.
        registry: where the versions are.
        settings: horizon and the training section.
        market: which market.
        now: current instant, UTC.
        reason: why, for the record.
        progress: is told about every long step, at least every few seconds.
        model: name of the model in the catalogue; None takes the highest rung of the ladder that
            the history supports.
        read_clock: gives the instant of the promotion; None means ``now``.
        study: what those who train the market for the same reason call it; they share a search.

    Raises:
        RegistryUnavailable, StoreUnavailable: try again later.
        ConfigurationError: the model is unknown, or MLflow refuses us.
    """
    clock = read_clock or (lambda: now)
    order = _Order(store, registry, settings, market, now, reason, model, progress, clock, study)
    try:
        reconcile(store, registry, market, now=now)
        return _climb(order, _read(order))
    except RejectedError as error:
        return TrainingOutcome("failed", None, None, str(error), error)


def _read(order: _Order) -> pd.DataFrame:
    market, training = order.market, order.settings.training
    least = ladder(market.interval, order.settings.horizon)[-1].fit_candles + training.judge_candles
    with announced(order.progress, f"reading candles of {market}"):
        return read_history(order.store, market, training, order.now, least)


def _climb(order: _Order, candles: pd.DataFrame) -> TrainingOutcome:
    """Try the highest rung; fall back to a lower one.

    It falls back when a model cannot be fitted, and when one is refused while the market has no
    champion that forecasts.
    """
    interval, horizon = order.market.interval, order.settings.horizon
    rungs = supported_rungs(interval, horizon, len(candles))
    judge_candles = order.settings.training.judge_candles
    window = divide(candles, rungs[0], order.market, judge_candles, horizon)
    models = [rung.model for rung in rungs] if order.model is None else [order.model]
    for model in models[:-1]:
        try:
            outcome, served = _challenge(order, window, model)
        except (FitFailed, TooFewCandles) as error:
            order.progress(f"no {model}: {error}")
            continue
        if outcome.status == "promoted" or served:
            return outcome
    return _challenge(order, window, models[-1])[0]


def _challenge(order: _Order, window: Window, name: str) -> tuple[TrainingOutcome, bool]:
    """Fit, judge, register, promote; also tells whether a champion forecasts already."""
    training, market = order.settings.training, order.market
    found = _search(order, window, name)
    with announced(order.progress, f"fitting {name} on {len(window.fitted):,} candles"):
        model = catalogue.fit(
            name,
            window.fitted,
            market.interval,
            order.settings.horizon,
            seed=training.seed,
            threads=training.threads,
            parameters=found.parameters,
        )
    with announced(order.progress, f"judging it on {len(window.cutoffs)} newer cutoffs"):
        served, calibration = walk_challenger(model, window, market)
        champion = walk_champion(order.store, order.registry, market, window, order.now)
        baselines = walk_baselines(window, market, order.settings.horizon)
        verdict = judge_all(name, served, champion, baselines, window, training.gate_min_t)
    forecasts = {"challenger": served, **baselines}
    if champion.forecasts is not None:
        forecasts["champion"] = champion.forecasts
    challenger = Challenger(market, model, calibration, window)
    version = _register(order, challenger, forecasts, verdict, found)
    if verdict.passed:
        return _promote(order, version, verdict), champion.sound
    kept = TrainingOutcome("kept", version, verdict, "; ".join(verdict.reasons))
    return kept, champion.sound


def _register(
    order: _Order,
    challenger: Challenger,
    forecasts: Mapping[str, ReturnForecasts],
    verdict: Verdict,
    found: Found,
) -> str:
    """Write the artefact and what was judged; returns the version."""
    market, model, window = order.market, challenger.model, challenger.window
    with (
        announced(order.progress, "registering it"),
        tempfile.TemporaryDirectory(prefix="tidecast-training-") as scratch,
    ):
        folder = Path(scratch)
        sources = order.store.candles.sources(market)
        challenger.save(folder / "artefact", order.now, order.settings.training.seed, sources)
        return order.registry.register(
            market,
            folder / "artefact",
            parameters=_parameters(order, window, model.name, found),
            metrics=gate_metrics(verdict),
            files=challenger.write_reports(folder, forecasts, verdict),
            verdict=verdict_record(verdict),
            example=window.candles.iloc[-history_candles(model) :],
        )


def _search(order: _Order, window: Window, model: str) -> Found:
    training = order.settings.training
    if not training.search_trials or model != ENSEMBLE:
        return NOTHING
    # Imported here: most trainings do not search.
    from training.search import SearchPlan, search

    plan = SearchPlan(
        name=f"{order.market}/{order.study or format_rfc3339(window.judged_from)}",
        store_url=order.settings.store_url,
        trials=training.search_trials,
        seconds=training.search_seconds,
        interval=order.market.interval,
        horizon=order.settings.horizon,
        fold_candles=training.judge_candles,
        min_train_candles=training.min_train_candles,
        seed=training.seed,
        threads=training.threads,
    )
    with announced(order.progress, f"searching, {plan.trials} trials"):
        return search(plan, window.fitted, order.progress)


def _parameters(order: _Order, window: Window, model: str, found: Found) -> dict[str, object]:
    training = order.settings.training
    return {
        "model": model,
        "market": str(order.market),
        "horizon": order.settings.horizon,
        "reason": order.reason,
        "candles": len(window.fitted),
        "train_days": training.train_days,
        "judge_candles": training.judge_candles,
        "gate_min_t": training.gate_min_t,
        "seed": training.seed,
        "search_trials": found.trials,
        "search_gain_ratio": round(found.gain_ratio, 6),
        **{f"boosting_{name}": value for name, value in asdict(found.parameters).items()},
    }


def _promote(order: _Order, version: str, verdict: Verdict) -> TrainingOutcome:
    try:
        with announced(order.progress, f"promoting version {version}"):
            promote(
                order.store,
                order.registry,
                order.market,
                version,
                now=order.read_clock(),
                by=BY,
                reason=order.reason,
            )
    except RejectedError as error:
        detail = f"version {version} passed the gate but not the smoke forecast: {error}"
        return TrainingOutcome("kept", version, verdict, detail)
    return TrainingOutcome("promoted", version, verdict, "; ".join(verdict.reasons))
