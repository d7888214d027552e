"""Forecast quality of one market-year: the backtest, beside what it must reach."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.candle_files import read_candles
from tidecast.evaluation.backtest import Plan, walk_forward
from tidecast.evaluation.report import report
from tidecast.timeframes import Market

STEPS = (1, 6, 12, 24)
HOLD_OUT = "2025Q4"
"""Never used to choose anything; reported apart."""


@dataclass(frozen=True)
class Case:
    """A market-year and the CRPS in basis points that it must reach and aims at, per ``STEPS``."""

    name: str
    file: str
    market: Market
    start: datetime
    end: datetime
    train_days: int
    must: tuple[float, ...] = ()
    aim: tuple[float, ...] = ()


CASES = (
    Case(
        "BTC/USDT 2025",
        "btc_usdt_1h.parquet",
        Market("BTC-USDT", "1h"),
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        730,
        must=(22.60, 57.6, 83.8, 117.8),
        aim=(22.50, 57.2, 83.0, 116.8),
    ),
    Case(
        "ETH/USDT 2025",
        "eth_usdt_1h.parquet",
        Market("ETH-USDT", "1h"),
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        730,
        must=(37.5, 98.6, 145.0, 207.8),
        aim=(37.3, 97.9, 144.0, 206.5),
    ),
)
SAMPLE_CASE = Case(
    "BTC/USD sample, 2019",
    "coinbase_btc_usd_1h_2018_2019.parquet",
    Market("BTC-USD", "1h"),
    datetime(2019, 1, 1, tzinfo=UTC),
    datetime(2019, 10, 16, tzinfo=UTC),
    365,
)


def measure(case: Case, folder: Path) -> dict[str, Any]:
    """Backtest a case and pick the figures of the tables out of its report."""
    candles = read_candles(folder / case.file, case.market.interval, datetime.now(UTC)).candles
    plan = Plan(
        case.start,
        case.end,
        refit_every=timedelta(days=30),
        train_span=timedelta(days=case.train_days),
    )
    started = time.perf_counter()
    result = walk_forward(
        candles, case.market, plan, lambda done, total: print(f"  fit {done} of {total}")
    )
    walked = time.perf_counter() - started
    contents = report(result)
    models = contents["models"]
    steps = models["ensemble"]["steps"]
    quarter = contents["quarters"].get(HOLD_OUT, {})
    return {
        "case": case.name,
        "cutoffs": contents["cutoffs"],
        "seconds_backtest": walked,
        "seconds_report": time.perf_counter() - started - walked,
        "must": case.must,
        "aim": case.aim,
        "alarms": contents["alarms"],
        "crps_bps": {
            name: [model["steps"][step - 1].get("crps_bps") for step in STEPS]
            for name, model in models.items()
        },
        "hold_out_crps_bps": {
            name: [figures["crps_bps"][step - 1] for step in STEPS]
            for name, figures in quarter.items()
        },
        "diebold_mariano_t_vs_garch": [
            steps[step - 1]["diebold_mariano"]["garch"]["t"] for step in STEPS
        ],
        "mase": [row["mase"] for row in steps],
        "directional_accuracy": [
            steps[step - 1]["directional_accuracy"]["share"] for step in STEPS
        ],
        "coverage_90": [row["coverage"]["90"] for row in steps],
        "coverage_50": [row["coverage"]["50"] for row in steps],
        "worst_week_90": [steps[step - 1]["worst_week_90"] for step in STEPS],
    }


def tables(measured: dict[str, Any]) -> list[str]:
    """Markdown of one case."""
    lines = [
        f"### {measured['case']}",
        "",
        f"{measured['cutoffs']:,} cutoffs, refit every 30 days; all models, members and baselines "
        f"took {measured['seconds_backtest']:.0f} s, the report {measured['seconds_report']:.0f} s."
        " CRPS in basis points of log return, smaller is better.",
        "",
        "| model | " + " | ".join(f"step {step}" for step in STEPS) + " |",
        "|---|" + "---|" * len(STEPS),
    ]
    for label in ("must", "aim"):
        if measured[label]:
            lines.append(_row(f"*{label}*", measured[label], "{:.2f}"))
    for name, row in measured["crps_bps"].items():
        shown = f"**{name}**" if name == "ensemble" else name
        lines.append(_row(shown, row, "{:.2f}"))
    garch = measured["crps_bps"]["garch"]
    gain = [
        1 - own / other for own, other in zip(measured["crps_bps"]["ensemble"], garch, strict=True)
    ]
    lines += [
        _row("better than GARCH(1,1)-t by", gain, "{:.1%}"),
        _row("Diebold-Mariano t against GARCH", measured["diebold_mariano_t_vs_garch"], "{:.1f}"),
        _row("MASE against the random walk", _at_steps(measured["mase"]), "{:.4f}"),
        _row("right direction", measured["directional_accuracy"], "{:.1%}"),
        _row("inside the 90 % band", _at_steps(measured["coverage_90"]), "{:.1%}"),
        _row("inside the 50 % band", _at_steps(measured["coverage_50"]), "{:.1%}"),
        _row(
            "worst seven days of the 90 % band, from any hour", measured["worst_week_90"], "{:.1%}"
        ),
    ]
    for name in ("ensemble", "garch", "random_walk"):
        if name in measured["hold_out_crps_bps"]:
            row = measured["hold_out_crps_bps"][name]
            lines.append(_row(f"{name}, last quarter (hold-out)", row, "{:.2f}"))
    span = f"{min(measured['coverage_90']):.1%} to {max(measured['coverage_90']):.1%}"
    lines += ["", f"Coverage of the 90 % band over all 24 steps: {span}.", ""]
    return lines


def summary_rows(measured: dict[str, Any]) -> list[str]:
    """Rows of the README for one case."""
    name, crps = measured["case"], measured["crps_bps"]
    rows = [
        _row(f"**{name}**, Tidecast", crps["ensemble"], "{:.2f}"),
        _row(f"{name}, GARCH(1,1)-t", crps["garch"], "{:.2f}"),
        _row(f"{name}, random walk", crps["random_walk"], "{:.2f}"),
    ]
    hold_out = measured["hold_out_crps_bps"]
    if hold_out:
        gain = [1 - a / b for a, b in zip(hold_out["ensemble"], hold_out["garch"], strict=True)]
        rows.append(_row(f"{name}, better than GARCH in the last quarter by", gain, "{:.1%}"))
    return [
        *rows,
        _row(f"{name}, inside the 90 % band", _at_steps(measured["coverage_90"]), "{:.1%}"),
        _row(f"{name}, error of the centre / random walk", _at_steps(measured["mase"]), "{:.4f}"),
    ]


def _at_steps(values: list[float]) -> list[float]:
    return [values[step - 1] for step in STEPS]


def _row(label: str, values: Any, form: str) -> str:
    shown = ["-" if value is None else form.format(value) for value in values]
    return f"| {label} | " + " | ".join(shown) + " |"
