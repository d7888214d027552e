"""Do two sources tell the same price? Nothing is decided here; a difference is flagged."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd


@dataclass(frozen=True)
class Disagreement:
    """Two closes of the same candle that are further apart than allowed.

    Attributes:
        ratio: distance of the closes as a share of the stored one.
    """

    open_time: datetime
    stored_source: str
    stored_close: float
    other_source: str
    other_close: float
    ratio: float


def disagreements(
    stored: pd.DataFrame,
    stored_source: str,
    other: pd.DataFrame,
    other_source: str,
    max_ratio: float,
) -> list[Disagreement]:
    """Candles of two frames whose closes differ by more than a share, worst first."""
    both = pd.concat([stored["close"], other["close"]], axis=1, join="inner")
    closes = both.to_numpy(dtype=float)
    ratios = abs(closes[:, 1] / closes[:, 0] - 1)
    open_times = pd.DatetimeIndex(both.index).to_pydatetime()
    found = [
        Disagreement(time, stored_source, float(ours), other_source, float(theirs), float(ratio))
        for time, (ours, theirs), ratio in zip(open_times, closes, ratios, strict=True)
        if ratio > max_ratio
    ]
    return sorted(found, key=lambda one: one.ratio, reverse=True)
