"""Whether the market still looks as it did in training, and the errors as they did before.

Reported only. A feature may drift for weeks without harm to the forecast, and a retraining that
finds the same model is no cure; what triggers one is the error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from tidecast.drift import CusumState, advance, feature_drift, loss_difference
from tidecast.errors import TooFewCandles
from tidecast.features.grid import Grid
from tidecast.features.matrix import build_matrix, needed_candles
from tidecast.store import Store
from tidecast.timeframes import Market, format_rfc3339

MIN_ROWS = 100
"""Fewer cutoffs on either side say nothing about a distribution."""


@dataclass(frozen=True)
class FeatureDrift:
    """PSI and KS statistic of every feature, most drifted first."""

    psi: dict[str, float]
    ks: dict[str, float]

    def drifted(self, max_psi: float) -> tuple[str, ...]:
        """Features above the limit, in words."""
        return tuple(
            f"feature {name} has drifted: PSI {value:.2f} is above {max_psi:g}"
            for name, value in self.psi.items()
            if value > max_psi
        )


def drift_of_features(
    store: Store, market: Market, train_end: datetime, until: datetime, lengths: tuple[int, int]
) -> FeatureDrift | None:
    """Features of the newest candles against the last ones of the training window.

    Args:
        store: where candles are.
        market: which market.
        train_end: end of the training window.
        until: end of the newest candle.
        lengths: candles of the reference and of the current window.

    Returns:
        None when there are too few candles on a side.
    """
    frames = [
        _features(store, market, end, length)
        for end, length in zip((train_end, until), lengths, strict=True)
    ]
    if any(
        len(frame) < min(MIN_ROWS, length) for frame, length in zip(frames, lengths, strict=True)
    ):
        return None
    table = feature_drift(*frames).set_index("feature")
    return FeatureDrift(_by_name(table["psi"]), _by_name(table["ks"]))


def _by_name(column: "pd.Series[float]") -> dict[str, float]:
    return {str(name): float(value) for name, value in column.items()}


def _features(store: Store, market: Market, end: datetime, length: int) -> pd.DataFrame:
    """Features at the cutoffs of the newest ``length`` intervals that have their whole history."""
    warm_up = needed_candles(market.interval)
    start = end - (length + warm_up) * market.length
    try:
        grid = Grid.of(store.candles.read(market, start=start, end=end), market.interval)
    except TooFewCandles:
        return pd.DataFrame()
    rows = np.flatnonzero(grid.present)
    matrix = build_matrix(grid, rows[rows >= max(warm_up - 1, len(grid) - length)])
    return pd.DataFrame(matrix.values, columns=list(matrix.names))


@dataclass(frozen=True)
class ErrorDrift:
    """Whether the step 1 losses of the champion have shifted upwards (CUSUM).

    Attributes:
        version: champion that this is about; another one starts afresh.
        cutoff: newest cutoff that was taken in.
        alarm_at: cutoff of the last alarm.
    """

    version: str = ""
    cutoff: datetime | None = None
    alarm_at: datetime | None = None
    cusum: CusumState = field(default_factory=CusumState)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "version": self.version,
            "cutoff": None if self.cutoff is None else format_rfc3339(self.cutoff),
            "alarm_at": None if self.alarm_at is None else format_rfc3339(self.alarm_at),
            "cusum": self.cusum.to_dict(),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "ErrorDrift":
        """The inverse of ``to_dict``."""
        moments = (fields[name] for name in ("cutoff", "alarm_at"))
        cutoff, alarm_at = (None if m is None else datetime.fromisoformat(m) for m in moments)
        return cls(fields["version"], cutoff, alarm_at, CusumState.from_dict(fields["cusum"]))


def drift_of_errors(before: ErrorDrift, scores: pd.DataFrame, version: str) -> ErrorDrift:
    """Take in the step 1 scores that are newer than those seen, in order of cutoff."""
    drift = before if before.version == version else ErrorDrift(version)
    first = scores[(scores["step"] == 1) & (scores["model_version"] == version)]
    if drift.cutoff is not None:
        first = first[first["cutoff"] > drift.cutoff]
    cusum, cutoff, alarm_at = drift.cusum, drift.cutoff, drift.alarm_at
    for cutoff, crps, baseline, width in _losses(first.sort_values("cutoff")):
        cusum, alarm = advance(cusum, loss_difference(crps, baseline, width))
        alarm_at = cutoff if alarm else alarm_at
    return ErrorDrift(version, cutoff, alarm_at, cusum)


def _losses(scores: pd.DataFrame) -> Iterable[tuple[datetime, float, float, float]]:
    names = ("crps", "baseline_crps", "width_90")
    columns = (scores[name].to_numpy(np.float64).tolist() for name in names)
    return zip(scores["cutoff"].dt.to_pydatetime(), *columns, strict=True)
