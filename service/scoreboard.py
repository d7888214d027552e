"""How the served forecasts fared, step by step, beside the random walk on the same hours."""

from typing import Any

import pandas as pd

from service.messages import Coverage, Scoreboard, StepScores
from tidecast.timeframes import Market

_MEANS = ["error", "baseline_error", "crps", "baseline_crps", "width_90"]
_COVERED = ["covered_50", "covered_80", "covered_90", "covered_95"]


def tally(market: Market, scores: pd.DataFrame, simulated: bool) -> Scoreboard:
    """Average scores per step.

    Args:
        market: whose scores.
        scores: one row per score, columns as the fields of ``Score``, ordered by cutoff.
        simulated: whether candles or clock are replayed.
    """
    columns = scores[_MEANS + _COVERED].astype(float)
    cutoffs = scores["cutoff"]
    return Scoreboard(
        symbol=market.symbol,
        interval=market.interval,
        since=None if scores.empty else cutoffs.iloc[0].to_pydatetime(),
        until=None if scores.empty else cutoffs.iloc[-1].to_pydatetime(),
        n=len(scores),
        model_versions=sorted(scores["model_version"].unique(), key=_version_order),
        simulated=simulated,
        steps=[
            _step(step, int(rows.sum()), columns[rows].mean().to_dict())
            for step in sorted(scores["step"].unique().tolist())
            for rows in [(scores["step"] == step).to_numpy()]
        ],
    )


def _step(step: int, n: int, means: dict[Any, float]) -> StepScores:
    return StepScores(
        step=step,
        n=n,
        **{name: means[name] for name in _MEANS},
        mase=_ratio(means["error"], means["baseline_error"]),
        crps_ratio=_ratio(means["crps"], means["baseline_crps"]),
        coverage=Coverage(
            **{name.replace("covered", "band"): means[name] for name in _COVERED},
        ),
    )


def _ratio(ours: float, baseline: float) -> float | None:
    return ours / baseline if baseline > 0 else None


def _version_order(version: str) -> tuple[int, str]:
    return (int(version) if version.isdecimal() else 0, version)
