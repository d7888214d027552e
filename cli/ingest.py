"""`tidecast ingest`: one run of ingestion."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonOption

if TYPE_CHECKING:
    from ingestion.run import IngestionResult


def ingest(
    markets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MARKET]...", help="SYMBOL:INTERVAL; all configured if none."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fetch the closed candles that are missing, and list the gaps that are left.

    Example: tidecast ingest BTC-USD:1h

    Exit code 0 when every market had a source that answered, 69 when waiting may cure it, 64 when
    a person must act.
    """
    from cli.console import out, print_json, progress
    from cli.opening import configured_market, opened_store, quiet_logging
    from cli.session import command_settings
    from ingestion.rounds import Ingestion

    settings = command_settings()
    quiet_logging(settings)
    names = [configured_market(settings, text) for text in markets or []]
    chosen = [one for one in settings.markets if not names or one.market in names]
    results: list[IngestionResult] = []
    with opened_store(settings) as store:
        ingestion = Ingestion(store, settings, settings.clock.build(), progress)
        code = ingestion.run_all(chosen, results.append)
    if json:
        print_json([as_json(result) for result in results])
    else:
        out.print(_table(results))
        for line in notes(results):
            out.print(line, markup=False)
    raise typer.Exit(code)


def as_json(result: "IngestionResult") -> dict[str, Any]:
    """What a program may want to know of a run."""
    from tidecast.timeframes import format_rfc3339

    return {
        "market": str(result.market),
        "source": result.source,
        "inserted": result.inserted,
        "revised": result.revised,
        "quarantined": result.quarantined,
        "confirmed": result.confirmed,
        "held_back": result.held_back,
        "clamped": result.clamped,
        "newest": format_rfc3339(result.newest) if result.newest else None,
        "lag_candles": result.lag_candles,
        "gaps": [
            {
                "start": format_rfc3339(gap.start),
                "end": format_rfc3339(gap.end),
                "missing": gap.missing,
            }
            for gap in result.gaps
        ],
        "disagreements": len(result.disagreements),
        "failures": {failure.source: failure.message for failure in result.failures},
    }


def notes(results: list["IngestionResult"]) -> list[str]:
    """What is out of the ordinary and has no column, one line each."""
    from tidecast.price_jumps import CONFIRMING_CANDLES, JUMP_REASON

    lines = []
    for result in results:
        if result.held_back:
            lines.append(
                f"{result.market}: {result.held_back} held back: {JUMP_REASON}; stored once "
                f"{CONFIRMING_CANDLES} in a row or a second source confirm it"
            )
        if result.confirmed:
            lines.append(f"{result.market}: {result.confirmed} held back before, confirmed now")
        if result.clamped:
            lines.append(f"{result.market}: {result.clamped} with rounding in high or low clamped")
    return lines


def _table(results: list["IngestionResult"]) -> Any:
    from cli.console import table

    made = table(
        None, "market", "source", ">new", ">revised", ">refused", "newest candle", ">lag", ">gaps"
    )
    for result in results:
        made.add_row(
            str(result.market),
            result.source or "none answered",
            str(result.inserted),
            str(result.revised),
            str(result.quarantined),
            f"{result.newest:%Y-%m-%d %H:%M}" if result.newest else "-",
            str(result.lag_candles),
            f"{len(result.gaps)} ({result.missing} candles)" if result.gaps else "0",
        )
    return made
