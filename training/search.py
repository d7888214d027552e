"""Looks for better boosting parameters by walk-forward folds inside the training window.

The cutoffs that the gate judges on are never looked at. The parameters of the code are the first
trial, and others are taken only when they beat them in every fold: the best of many trials is
lucky by definition.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from tidecast.errors import RejectedError
from tidecast.evaluation.metrics import crps
from tidecast.features.grid import Grid, step_returns
from tidecast.forecasts import LEVELS
from tidecast.models import catalogue
from tidecast.models.boosting import CHOSEN, BoostingParameters
from tidecast.models.ensemble import Ensemble
from tidecast.telemetry import get_logger
from training.found import NOTHING, Found
from training.search_storage import search_storage

FOLDS = 3
STARTUP_TRIALS = 8
"""Trials drawn at random before the sampler models what it has seen."""
DONE = (TrialState.COMPLETE, TrialState.PRUNED)
LOSSES = "losses"

_log = get_logger(__name__)


@dataclass(frozen=True)
class SearchPlan:
    """What is searched, how long, and where its trials are kept.

    Attributes:
        name: of the study; all that train the same market and window share one.
        store_url: SQLAlchemy URL of the store, whose PostgreSQL is shared.
        seed: of the fits; the sampler draws its own, or two processes would try the same.
    """

    name: str
    store_url: str
    trials: int
    seconds: float
    interval: str
    horizon: int
    fold_candles: int
    min_train_candles: int
    seed: int
    threads: int


def fold_loss(
    plan: SearchPlan, candles: pd.DataFrame, split: int, parameters: BoostingParameters
) -> float:
    """Loss on the candles after position ``split`` of a model that was fitted on those before.

    Each step's CRPS is divided by the mean size of its return, so that all steps count alike.
    """
    model = catalogue.fit(
        Ensemble.name,
        candles.iloc[:split],
        plan.interval,
        plan.horizon,
        seed=plan.seed,
        threads=plan.threads,
        parameters=parameters,
    )
    known = candles.iloc[: split + plan.fold_candles]
    grid = Grid.of(known, plan.interval)
    cutoffs = (pd.DatetimeIndex(known.index) + grid.length)[split - 1 :]
    actual = step_returns(grid, plan.horizon)[grid.positions(cutoffs, 1)]
    scores = crps(model.predict(known, cutoffs).quantiles, LEVELS, actual)
    return float((np.nanmean(scores, axis=0) / np.nanmean(np.abs(actual), axis=0)).mean())


FoldLoss = Callable[[int, BoostingParameters], float]
Loss = Callable[[SearchPlan, pd.DataFrame, int, BoostingParameters], float]


def search(
    plan: SearchPlan,
    candles: pd.DataFrame,
    tell: Callable[[str], None] = lambda line: None,
    loss: Loss = fold_loss,
) -> Found:
    """Search within the plan's limits; what goes wrong costs the search, not the training.

    Args:
        plan: what to search, and how long.
        candles: candle frame of the training window, without the judged cutoffs.
        tell: is told of every trial.
        loss: of one fold.
    """
    folds = list(_folds(plan, candles))
    if len(folds) < FOLDS:
        _log.warning("search_skipped", reason="too few candles for its folds")
        return NOTHING
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with search_storage(plan.store_url) as storage:
            study = _open(plan, storage)
            if _done(study) < plan.trials:
                _run(plan, study, lambda split, one: loss(plan, candles, split, one), folds, tell)
            return _best(study)
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RejectedError) as error:
        _log.warning("search_failed", error=str(error).partition("\n")[0])
        return NOTHING


def _folds(plan: SearchPlan, candles: pd.DataFrame) -> Iterator[int]:
    for fold in range(FOLDS, 0, -1):
        split = len(candles) - fold * plan.fold_candles
        if split >= plan.min_train_candles:
            yield split


def _open(plan: SearchPlan, storage: BaseStorage) -> optuna.Study:
    study = optuna.create_study(
        storage=storage,
        study_name=plan.name,
        sampler=optuna.samplers.TPESampler(n_startup_trials=STARTUP_TRIALS, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        load_if_exists=True,
    )
    study.enqueue_trial(asdict(CHOSEN), skip_if_exists=True)
    return study


def _run(
    plan: SearchPlan,
    study: optuna.Study,
    loss: FoldLoss,
    folds: list[int],
    tell: Callable[[str], None],
) -> None:
    study.optimize(
        lambda trial: _try(loss, folds, trial),
        timeout=plan.seconds,
        callbacks=[
            optuna.study.MaxTrialsCallback(plan.trials, states=DONE),
            lambda study, trial: tell(f"trial {_done(study)} of {plan.trials}"),
        ],
    )


def _try(loss: FoldLoss, folds: list[int], trial: optuna.Trial) -> float:
    parameters = _draw(trial)
    losses: list[float] = []
    for split in folds:
        losses.append(loss(split, parameters))
        trial.report(float(np.mean(losses)), len(losses))
        trial.set_user_attr(LOSSES, losses)
        # The first trial is what all others are compared with.
        if parameters != CHOSEN and trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(losses))


def _draw(trial: optuna.Trial) -> BoostingParameters:
    return BoostingParameters(
        trees=trial.suggest_int("trees", 30, 400, log=True),
        learning_rate=trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        max_leaf_nodes=trial.suggest_int("max_leaf_nodes", 4, 48, log=True),
        min_samples_leaf=trial.suggest_int("min_samples_leaf", 50, 1600, log=True),
        l2_regularization=trial.suggest_float("l2_regularization", 0.01, 100.0, log=True),
    )


def _done(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=DONE))


def _best(study: optuna.Study) -> Found:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    first = next((one for one in complete if one.params == asdict(CHOSEN)), None)
    if first is None:
        return NOTHING
    better = [one for one in complete if _beats(one, first)]
    best = min(better, key=_loss, default=first)
    return Found(BoostingParameters(**best.params), _done(study), 1 - _loss(best) / _loss(first))


def _beats(trial: Any, first: Any) -> bool:
    pairs = zip(trial.user_attrs[LOSSES], first.user_attrs[LOSSES], strict=True)
    return all(own < other for own, other in pairs)


def _loss(trial: Any) -> float:
    loss: float = trial.value
    return loss
