"""Walk-forward backtest: fit on the past, forecast until the next refit, calibrate as in service.

A model fitted at a refit sees only candles that had ended by then, targets included, so nothing
needs to be purged at the border: the last training row is the last whose every step had ended.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from tidecast.errors import InvalidParameter
from tidecast.evaluation.report import BacktestResult
from tidecast.features.grid import Grid, step_returns
from tidecast.forecasts import LEVELS, PERCENTILES, Floats
from tidecast.models import catalogue
from tidecast.models.calibration import Calibration
from tidecast.models.ensemble import Ensemble
from tidecast.models.forecasting import to_prices
from tidecast.models.model import ReturnForecasts
from tidecast.timeframes import Market

UNCALIBRATED = "uncalibrated"
"""The ensemble before the online correction, reported as a member."""
LABELS = {
    "cutoff": "end of the newest candle known: its open_time + interval",
    "target_time": "cutoff + step * interval; the price is the close of the candle that ends then",
    "mean": "mean of the price distribution, quote currency",
    "q0.01 .. q0.99": "quantiles of the price, quote currency",
}
"""What the columns of ``forecast_frame`` mean; kept in the metadata of a Parquet file."""
_PERCENTILE_COLUMNS = [LEVELS.index(level) for level in PERCENTILES]


@dataclass(frozen=True)
class Plan:
    """What to backtest.

    Attributes:
        start, end: cutoffs in ``[start, end)`` are forecast, UTC.
        refit_every: time between two fits.
        train_span: length of the training window before each fit.
        names: models of the catalogue.
        workers: processes that fit side by side.
    """

    start: datetime
    end: datetime
    refit_every: timedelta
    train_span: timedelta
    horizon: int = 24
    names: tuple[str, ...] = (Ensemble.name, *catalogue.BASELINES)
    seed: int = 7
    workers: int = 2


def walk_forward(
    candles: pd.DataFrame,
    market: Market,
    plan: Plan,
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> BacktestResult:
    """Run a plan.

    Args:
        candles: candle frame that covers the training windows and the cutoffs.
        market: its symbol and interval.
        plan: what to do.
        progress: called with folds done and folds in all.

    Raises:
        InvalidParameter: no cutoff of the plan is the end of a candle.
        TooFewCandles: the first training window is too short for a model.
    """
    started = time.perf_counter()
    folds = _folds(candles, market, plan)
    if not folds:
        raise InvalidParameter(
            f"no candle ends in [{plan.start}, {plan.end})", field="start", allowed="covered times"
        )
    results = Parallel(n_jobs=min(plan.workers, len(folds)), return_as="generator")(
        delayed(_run_fold)(*fold, market.interval, plan) for fold in folds
    )
    parts: list[tuple[dict[str, ReturnForecasts], dict[str, Any]]] = []
    for part in results:
        parts.append(part)
        progress(len(parts), len(folds))
    forecasts = {name: _joined([part[name] for part, _ in parts]) for name in parts[0][0]}
    fitted = time.perf_counter()
    actual = _actual_returns(candles, market, next(iter(forecasts.values())).cutoffs, plan.horizon)
    if Ensemble.name in forecasts:
        forecasts[UNCALIBRATED] = forecasts[Ensemble.name]
        forecasts[Ensemble.name] = calibrate_online(
            forecasts[UNCALIBRATED], actual, market, Calibration.initial(plan.horizon)
        )
    timings = {
        "fit_and_predict": fitted - started,
        "calibrate": time.perf_counter() - fitted,
    }
    refits = [facts for _, facts in parts]
    return BacktestResult(
        str(market),
        market.interval,
        plan.horizon,
        plan.start,
        plan.end,
        refits,
        forecasts,
        actual,
        timings,
    )


def calibrate_online(
    raw: ReturnForecasts, actual_returns: Floats, market: Market, calibration: Calibration
) -> ReturnForecasts:
    """Serve raw forecasts in the order of their cutoffs, learning from each outcome once known.

    Args:
        raw: uncorrected forecasts, cutoffs increasing.
        actual_returns: shape ``(n, horizon)``.
        market: its interval tells which outcomes a cutoff knows.
        calibration: state to start from; it is advanced in place.
    """
    slots = (raw.cutoffs - raw.cutoffs[0]) // market.length
    position = {int(slot): i for i, slot in enumerate(slots)}
    served = np.empty_like(raw.quantiles)
    for i, slot in enumerate(slots):
        due = [
            (position[slot - step], step)
            for step in range(1, raw.center.shape[1] + 1)
            if slot - step in position
        ]
        if due:
            cutoffs, steps = np.array(due).T
            calibration.update(
                steps, served[cutoffs, steps - 1], actual_returns[cutoffs, steps - 1]
            )
        served[i] = calibration.apply(raw.take(slice(i, i + 1))).quantiles[0]
    return ReturnForecasts(raw.cutoffs, raw.close, raw.center, served)


def forecast_frame(forecasts: ReturnForecasts, market: Market) -> pd.DataFrame:
    """One row per cutoff and step: cutoff, step, target_time, mean and 99 percentiles, prices."""
    mean, quantiles = to_prices(forecasts)
    rows, horizon = mean.shape
    steps = np.tile(np.arange(1, horizon + 1), rows)
    cutoffs = forecasts.cutoffs.repeat(horizon)
    frame = pd.DataFrame({"cutoff": cutoffs, "step": steps})
    frame["target_time"] = cutoffs + pd.to_timedelta(steps * market.length)
    frame["mean"] = mean.ravel()
    values = quantiles[..., _PERCENTILE_COLUMNS].reshape(-1, len(PERCENTILES))
    names = [f"q{level:.2f}" for level in PERCENTILES]
    whole = pd.concat([frame, pd.DataFrame(values, columns=names)], axis=1)
    whole.attrs.update(LABELS)
    return whole


def _folds(
    candles: pd.DataFrame, market: Market, plan: Plan
) -> list[tuple[pd.DataFrame, pd.DataFrame, pd.DatetimeIndex]]:
    """Training candles, candles to forecast from, and cutoffs, for each refit."""
    ends = pd.DatetimeIndex(candles.index + market.length)
    folds = []
    refit = pd.Timestamp(plan.start)
    while refit < plan.end:
        following = min(refit + plan.refit_every, pd.Timestamp(plan.end))
        cutoffs = ends[(ends >= refit) & (ends < following)]
        known = (ends <= refit) & (ends > refit - plan.train_span)
        if len(cutoffs):
            until = (ends <= cutoffs[-1]) & (ends > refit - plan.train_span)
            folds.append((candles[known], candles[until], cutoffs))
        refit = following
    return folds


def _run_fold(
    training: pd.DataFrame,
    history: pd.DataFrame,
    cutoffs: pd.DatetimeIndex,
    interval: str,
    plan: Plan,
) -> tuple[dict[str, ReturnForecasts], dict[str, Any]]:
    started = time.perf_counter()
    forecasts: dict[str, ReturnForecasts] = {}
    weights: list[float] = []
    with threadpool_limits(1):
        for name in plan.names:
            model = catalogue.fit(name, training, interval, plan.horizon, seed=plan.seed, threads=1)
            if isinstance(model, Ensemble):
                forecasts |= model.predict_members(history, cutoffs)
                weights = model.weights.tolist()
            else:
                forecasts[name] = model.predict(history, cutoffs)
    facts = {
        "fitted_at": cutoffs[0].isoformat(),
        "train_candles": len(training),
        "center_weights": weights,
        "seconds": round(time.perf_counter() - started, 3),
    }
    return forecasts, facts


def _joined(parts: Sequence[ReturnForecasts]) -> ReturnForecasts:
    return ReturnForecasts(
        pd.DatetimeIndex(np.concatenate([part.cutoffs.to_numpy() for part in parts]), tz="UTC"),
        np.concatenate([part.close for part in parts]),
        np.concatenate([part.center for part in parts]),
        np.concatenate([part.quantiles for part in parts]),
    )


def _actual_returns(
    candles: pd.DataFrame, market: Market, cutoffs: pd.DatetimeIndex, horizon: int
) -> Floats:
    grid = Grid.of(candles, market.interval)
    return step_returns(grid, horizon)[grid.positions(cutoffs, 1)]
