"""`tidecast backtest`: walk forward through a file of candles."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonOption, Stamped, StampedOption

if TYPE_CHECKING:
    from tidecast.evaluation.report import BacktestResult

DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
SPANS = {"h": "hours", "d": "days", "w": "weeks"}
SHOWN_STEPS = (1, 6, 12, 24)


def backtest(
    market: Annotated[str, typer.Option(help="SYMBOL:INTERVAL of the candles.")],
    file: Annotated[
        Path,
        typer.Option("--candles", help="Parquet, Feather or CSV file of candles."),
    ],
    start: Annotated[datetime, typer.Option(formats=DATES, help="First cutoff, UTC.")],
    end: Annotated[datetime, typer.Option(formats=DATES, help="Cutoffs end before, UTC.")],
    refit_every: Annotated[str, typer.Option(help="Time between two fits: 12h, 30d, 4w.")] = "30d",
    train_days: Annotated[int, typer.Option(min=1, help="Length of the training window.")] = 730,
    horizon: Annotated[int, typer.Option(min=1, max=48, help="Steps.")] = 24,
    report: Annotated[Path | None, typer.Option(help="JSON file: every metric.")] = None,
    forecasts: Annotated[
        Path | None, typer.Option(help="Parquet file: every forecast as prices.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="HTML file: plots.")] = None,
    stamped: StampedOption = Stamped.OPEN,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
    workers: Annotated[int, typer.Option(min=1, help="Fits that run side by side.")] = 2,
    json: JsonOption = False,
) -> None:
    """Backtest all models on a file of candles; needs no store and no network.

    Example: tidecast backtest --market BTC-USD:1h --candles btc.parquet --start 2025-01-01 --end
    2026-01-01 --refit-every 30d --train-days 730 --report report.json --forecasts forecasts.parquet
    """
    from cli.candle_files import describe, read_candles, refused_lines, summary
    from cli.console import err, out, print_json
    from tidecast.evaluation.backtest import Plan, forecast_frame, walk_forward
    from tidecast.evaluation.report import report as report_of
    from tidecast.evaluation.report import report_json
    from tidecast.timeframes import Market

    chosen = Market.parse(market)
    plan = Plan(
        start=start.replace(tzinfo=UTC),
        end=end.replace(tzinfo=UTC),
        refit_every=span(refit_every),
        train_span=timedelta(days=train_days),
        horizon=horizon,
        seed=seed,
        workers=workers,
    )
    now = datetime.now(UTC)
    read = read_candles(file, chosen.interval, now, symbol=chosen.symbol, stamped=stamped)
    for line in describe(summary(read)):
        err.print(line, markup=False)
    result = _walked(lambda told: walk_forward(read.candles, chosen, plan, told))
    contents = report_of(result, read.refused)
    if report is not None:
        report.write_text(report_json(contents))
    if forecasts is not None:
        frame = forecast_frame(result.forecasts[result.main_model], chosen)
        frame.to_parquet(forecasts, index=False, compression="zstd")
    if html is not None:
        _write_html(result, contents, html)
    if json:
        print_json(contents)
    else:
        out.print(_table(contents))
        for line in refused_lines(contents["refused_rows"]):
            out.print(line, markup=False)
        for alarm in contents["alarms"]:
            err.print(f"warning: {alarm}")


def span(text: str) -> timedelta:
    """A span of time as 12h, 30d or 4w.

    Raises:
        InvalidParameter: it is something else.
    """
    from tidecast.errors import InvalidParameter

    number, unit = text[:-1], text[-1:]
    if not (number.isdecimal() and int(number) > 0 and unit in SPANS):
        raise InvalidParameter(
            f"{text!r} is no span of time", field="refit-every", allowed="12h, 30d, 4w"
        )
    return timedelta(**{SPANS[unit]: int(number)})


def _walked(walk: Any) -> "BacktestResult":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from cli.console import err

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=err) as bars:
        bar = bars.add_task("fits", total=None)
        result: BacktestResult = walk(
            lambda done, total: bars.update(bar, completed=done, total=total)
        )
    return result


def _write_html(result: "BacktestResult", contents: dict[str, Any], path: Path) -> None:
    from tidecast.evaluation.html_report import html_report

    path.write_text(html_report(result, contents))


def _table(contents: dict[str, Any]) -> Any:
    """CRPS of every model at some steps, and coverage and MASE of the main one."""
    from cli.console import table

    steps = [step for step in SHOWN_STEPS if step <= contents["horizon"]]
    title = f"{contents['market']}, {contents['cutoffs']:,} cutoffs; CRPS in basis points"
    made = table(title, "model", *(f">step {step}" for step in steps))
    for name, model in contents["models"].items():
        rows = [model["steps"][step - 1] for step in steps]
        if rows[0].get("crps_bps") is not None:
            made.add_row(name, *(f"{row['crps_bps']:.2f}" for row in rows))
    main = [contents["models"][contents["main_model"]]["steps"][step - 1] for step in steps]
    made.add_section()
    made.add_row("MASE", *(f"{row['mase']:.4f}" for row in main))
    made.add_row("in 90 % band", *(f"{row['coverage']['90']:.1%}" for row in main))
    return made
