"""Forecast quality where data are awkward: the day after a hole or a candle without volume.

Real files, walked forward as in service; of all cutoffs only those within a day after a missing
candle or a candle without volume are judged, next to GARCH on the same ones.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cli.candle_files import read_candles
from tidecast.evaluation.backtest import Plan, walk_forward
from tidecast.evaluation.metrics import band, coverage, crps, diebold_mariano
from tidecast.evaluation.report import BacktestResult
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.ensemble import Ensemble
from tidecast.models.volatility_baselines import Garch
from tidecast.timeframes import Market

STEPS = (1, 6, 24)
AFTER = timedelta(hours=24)
BASIS_POINTS = 1e4


@dataclass(frozen=True)
class InterruptedMarket:
    """A file with interruptions, and the days from and before which cutoffs are walked."""

    name: str
    file: str
    start: str
    end: str


CASES = (
    InterruptedMarket("Binance BTC/USDT", "btc_usdt_1h", "2019-01-01", "2023-07-01"),
    InterruptedMarket("Binance BTC/EUR", "btc_eur_1h", "2020-07-05", "2023-07-01"),
    InterruptedMarket("Bitstamp BTC/USD", "btc_usd_1h_bitstamp", "2019-06-01", "2023-02-10"),
    InterruptedMarket("Kraken BTC/USD", "btc_usd_1h_kraken", "2015-01-01", "2023-01-07"),
    InterruptedMarket("Kraken ETH/USD", "eth_usd_1h_kraken", "2018-01-01", "2023-03-31"),
)


def measure(case: InterruptedMarket, folder: Path) -> dict[str, Any]:
    """Walk a case forward, refit every 60 days on two years, and judge the chosen cutoffs."""
    path = folder / f"{case.file}.parquet"
    candles = read_candles(path, "1h", datetime.now(UTC)).candles
    plan = Plan(
        datetime.fromisoformat(case.start).replace(tzinfo=UTC),
        datetime.fromisoformat(case.end).replace(tzinfo=UTC),
        refit_every=timedelta(days=60),
        train_span=timedelta(days=730),
        names=(Ensemble.name, Garch.name),
    )
    result = walk_forward(candles, Market("X-USD", "1h"), plan)
    cutoffs = result.forecasts[Ensemble.name].cutoffs
    chosen = after_interruption(candles, cutoffs)
    return {
        "case": case.name,
        "years": f"{case.start[:4]}..{case.end[:4]}",
        "cutoffs": int(chosen.sum()),
        "all_cutoffs": len(cutoffs),
        "steps": {str(step): _figures(result, step, chosen) for step in STEPS},
    }


def after_interruption(candles: pd.DataFrame, cutoffs: pd.DatetimeIndex) -> Any:
    """Which cutoffs lie within ``AFTER`` of a missing candle or one without volume, as booleans."""
    ends = pd.DatetimeIndex(candles.index) + pd.Timedelta(hours=1)
    follows_hole = np.diff(ends, prepend=ends[:1] - pd.Timedelta(hours=1)) > np.timedelta64(1, "h")
    marks = ends[follows_hole | (candles["volume"] == 0).to_numpy()]
    if not len(marks):
        return np.zeros(len(cutoffs), dtype=bool)
    newest = marks.searchsorted(cutoffs, side="right") - 1
    since = cutoffs - marks[np.maximum(newest, 0)]
    return np.asarray((newest >= 0) & (since < AFTER))


def _figures(result: BacktestResult, step: int, chosen: Any) -> dict[str, float]:
    actual = result.actual_returns[:, step - 1]
    chosen = chosen & np.isfinite(actual)
    losses = {
        name: BASIS_POINTS * crps(result.forecasts[name].quantiles[:, step - 1], LEVELS, actual)
        for name in (Ensemble.name, Garch.name)
    }
    served = result.forecasts[Ensemble.name].quantiles[chosen, step - 1]
    test = diebold_mariano(
        *(np.where(chosen, losses[name], np.nan) for name in (Ensemble.name, Garch.name)), step
    )
    return {
        "coverage_90": coverage(*band(served, LEVELS, 90), actual[chosen]),
        "crps_bps": _mean(losses[Ensemble.name], chosen),
        "garch_crps_bps": _mean(losses[Garch.name], chosen),
        "t": test.t,
    }


def _mean(losses: Floats, chosen: Any) -> float:
    return float(losses[chosen].mean())


def tables(cases: list[dict[str, Any]]) -> list[str]:
    """Markdown of all cases, and of all of them together."""
    lines = [
        "Every cutoff within 24 hours after a missing candle or one without volume, as served;"
        " refit every 60 days on two years. CRPS in basis points; t is Diebold and Mariano's"
        " against GARCH on the same cutoffs, below -2 better than chance, above 2 worse.",
        "",
        "| market | step | inside the 90 % interval | CRPS | GARCH | ratio | t |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        for step, row in case["steps"].items():
            name = f"{case['case']} {case['years']}, {case['cutoffs']} of {case['all_cutoffs']:,}"
            lines.append(
                f"| {name if step == str(STEPS[0]) else ''} | {step} | {row['coverage_90']:.1%} "
                f"| {row['crps_bps']:.2f} | {row['garch_crps_bps']:.2f} "
                f"| {row['crps_bps'] / row['garch_crps_bps']:.3f} | {row['t']:.1f} |"
            )
    lines += [_together(cases, step) for step in STEPS]
    return [*lines, ""]


def _together(cases: list[dict[str, Any]], step: int) -> str:
    """One row for all cases, each cutoff counted once."""
    rows = [(case["cutoffs"], case["steps"][str(step)]) for case in cases]
    total = sum(count for count, _ in rows)
    inside, crps, garch = (
        sum(count * row[name] for count, row in rows) / total
        for name in ("coverage_90", "crps_bps", "garch_crps_bps")
    )
    name = f"**all of them**, {total:,}" if step == STEPS[0] else ""
    return f"| {name} | {step} | {inside:.1%} | {crps:.2f} | {garch:.2f} | {crps / garch:.3f} | |"
