"""Advance the online calibration of a model version by the scores that came in.

The state is a function of the scores alone: they are taken by target time, then by cutoff, each
once, so one long catch-up and many short rounds end with the same bits. A score whose candle was
healed after the state had passed its target time is left out: taking it late would make the state
depend on when it came.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from tidecast.models.calibration import Calibration
from tidecast.store import Store
from tidecast.timeframes import Market

MAX_HORIZON = 48
"""Longest horizon that the settings allow, in candles."""


def recalibrate(
    store: Store, market: Market, version: str, initial_state: Callable[[], str]
) -> datetime | None:
    """Take in the scores that are newer than the stored state, and store the new state.

    Args:
        store: where forecasts, scores and states are.
        market: which market.
        version: which model version.
        initial_state: gives the state that the model came with; asked when none is stored.

    Returns:
        Newest target time in the state, which is the cutoff it is stored under; None when the
        version has no state but its own and no score yet.
    """
    stored = store.calibrations.get(market, version)
    since = None if stored is None else stored[0]
    scores = _newer(store, market, version, since)
    if scores.empty:
        return since
    calibration = Calibration.from_json(initial_state() if stored is None else stored[1])
    _update(calibration, store, market, version, scores)
    until: datetime = scores["target_time"].max().to_pydatetime()
    store.calibrations.put(market, version, until, calibration.to_json())
    return until


def _newer(store: Store, market: Market, version: str, since: datetime | None) -> pd.DataFrame:
    start = None if since is None else since - MAX_HORIZON * market.length
    scores = store.scores.read(market, start=start, model_version=version)
    if since is not None:
        scores = scores[scores["target_time"] > since]
    return scores.sort_values(["target_time", "cutoff"], kind="stable")


def _update(
    calibration: Calibration, store: Store, market: Market, version: str, scores: pd.DataFrame
) -> None:
    first, last = (
        edge.to_pydatetime() for edge in (scores["cutoff"].min(), scores["cutoff"].max())
    )
    end = last + timedelta(microseconds=1)
    logged = store.forecasts.read(market, start=first, end=end, model_version=version)
    forecasts = {one.forecast.cutoff: one.forecast for one in logged}
    for _, known in scores.groupby("target_time", sort=True):
        origins = [forecasts[cutoff.to_pydatetime()] for cutoff in known["cutoff"]]
        steps = known["step"].to_numpy(np.int64)
        closes = np.array([origin.close for origin in origins])
        served = [origin.quantiles[step - 1] for origin, step in zip(origins, steps, strict=True)]
        calibration.update(
            steps,
            np.log(np.array(served) / closes[:, None]),
            np.log(known["actual"].to_numpy(np.float64) / closes),
        )
