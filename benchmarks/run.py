"""Measure the numbers of the README and write them to benchmarks/results.md and .json.

The candles of the quality tables are not part of the project. Name their folder with `--data` or
`TIDECAST_BENCH_DATA`; without it the shipped sample is measured instead.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import interruptions, loop, machine, quality, training_cost  # noqa: E402
from benchmarks.readme import with_block  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "benchmarks" / "results.md"
README = ROOT / "README.md"
PARTS = ("quality", "interruptions", "training", "loop")
BLOCK = "numbers"


def main() -> None:
    """Measure the chosen parts; parts that are not chosen keep their last figures."""
    options = _options()
    folder = options.data or ROOT / "sample"
    cases = quality.CASES if options.data else (quality.SAMPLE_CASE,)
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if "quality" in options.only:
        measured = []
        for case in cases:
            print(f"backtest of {case.name}", flush=True)
            measured.append(quality.measure(case, folder))
        results["quality"] = {"machine": machine.describe(), "cases": measured}
    if "interruptions" in options.only and options.data:
        measured = []
        for interrupted in interruptions.CASES:
            print(f"interruptions of {interrupted.name}", flush=True)
            measured.append(interruptions.measure(interrupted, folder))
        results["interruptions"] = {"machine": machine.describe(), "cases": measured}
    if "training" in options.only:
        print("one training", flush=True)
        figures = training_cost.measure(folder / cases[0].file)
        results["training"] = {"machine": machine.describe(), **figures}
    if "loop" in options.only:
        print("the loop on this machine", flush=True)
        results["loop"] = {"machine": machine.describe(), **loop.measure()}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text("\n".join(page(results)) + "\n")
    README.write_text(with_block(README.read_text(), BLOCK, summary(results)))
    print(PAGE.read_text())


def summary(results: dict[str, Any]) -> list[str]:
    """The few figures that a reader of the README wants."""
    one, loop_times = results["training"], results["loop"]
    cases = results["quality"]["cases"]
    steps = " | ".join(f"step {step}" for step in quality.STEPS)
    lines = [
        "",
        f"Measured {machine.line(results['quality']['machine'])}.",
        "Hourly candles, refit every 30 days on two years, cutoffs of the whole year. The last",
        "quarter was never used to choose anything. CRPS in basis points, smaller is better.",
        "",
        f"| | {steps} |",
        "|---|" + "---|" * len(quality.STEPS),
    ]
    for case in cases:
        lines += quality.summary_rows(case)
    delay = statistics.median(loop_times["candle_to_forecast_seconds"])
    seconds = {
        "backtest of a market-year, 24 steps, all models": cases[0]["seconds_backtest"],
        "training of one market on two years": one["seconds"],
        "`tidecast up` in an empty folder to the first forecast": loop_times[
            "first_forecast_seconds"
        ],
        "new candle in the store to the new forecast served": delay,
        "restart with a champion to ready": loop_times["restart_to_ready_seconds"],
    }
    return [
        *lines,
        "",
        "| on this machine | measured |",
        "|---|---|",
        *(f"| {what} | {value:.3g} s |" for what, value in seconds.items()),
        f"| peak memory of a training | {one['peak_mib']:,.0f} MiB |",
        "",
        "All tables: [benchmarks/results.md](benchmarks/results.md). Made by `make bench`.",
        "",
    ]


def page(results: dict[str, Any]) -> list[str]:
    """The Markdown page of all figures."""
    lines = ["# Measured", "", "Written by `make bench`; do not edit.", ""]
    if "quality" in results:
        lines += ["## Forecast quality", "", machine.line(results["quality"]["machine"]), ""]
        for case in results["quality"]["cases"]:
            lines += quality.tables(case)
    if "interruptions" in results:
        measured = results["interruptions"]
        lines += ["## After holes and halts", "", machine.line(measured["machine"]), ""]
        lines += interruptions.tables(measured["cases"])
    if "training" in results:
        one = results["training"]
        lines += [
            "## Training of one market",
            "",
            machine.line(one["machine"]),
            "",
            "| what | measured | must | aim |",
            "|---|---|---|---|",
            f"| time, {one['candles']:,} hourly candles | {one['seconds']:.1f} s | 60 s | 20 s |",
            f"| peak memory | {one['peak_mib']:,.0f} MiB | 1,500 MB | |",
            "",
        ]
    if "loop" in results:
        lines += loop.tables(results["loop"])
    return lines


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    named = os.environ.get("TIDECAST_BENCH_DATA")
    parser.add_argument("--data", type=Path, default=Path(named) if named else None)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
