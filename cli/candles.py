"""`tidecast candles export|import`: candles to Parquet files, and from files of any form."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.failures import guarded
from cli.options import JsonOption, MarketArgument, Stamped, StampedOption

candles = typer.Typer(help="Export and import candles.", no_args_is_help=True)

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


@candles.command("export")
@guarded
def export(
    market: MarketArgument,
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    start: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="First open time, UTC.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Open time to stop before, UTC.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the stored candles of a market to a Parquet file.

    Example: tidecast candles export BTC-USD:1h btc.parquet --start 2025-01-01
    """
    from cli.candle_files import write_candles
    from cli.console import out, print_json
    from cli.opening import configured_market, opened_store, quiet_logging
    from cli.session import command_settings
    from tidecast.errors import TooFewCandles

    settings = command_settings()
    quiet_logging(settings)
    chosen = configured_market(settings, market)
    with opened_store(settings) as store:
        frame = store.candles.read(chosen, start=utc(start), end=utc(end))
        sources = store.candles.sources(chosen, utc(start), utc(end))
    if frame.empty:
        raise TooFewCandles(needed=1, have=0)
    write_candles(frame, file)
    if json:
        print_json({"market": str(chosen), "candles": len(frame), "sources": sources})
    else:
        out.print(f"{len(frame):,} candles of {chosen} from {', '.join(sources)} in {file}")


@candles.command("import")
@guarded
def import_(
    market: MarketArgument,
    file: Annotated[Path, typer.Argument(help="Parquet, Feather or CSV file to read.")],
    source: Annotated[
        str, typer.Option(help="EXCHANGE:PAIR the candles came from, shown in every answer.")
    ],
    stamped: StampedOption = Stamped.OPEN,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be stored; write nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Add the candles of a file to the store; refused rows are quarantined.

    Reads Parquet, Feather and CSV, with the columns and times that exchanges and data sites use,
    and prints how it understood them.

    Example: tidecast candles import BTC-USD:1h btc.csv --source coinbase:BTC-USD --dry-run
    """
    from cli.candle_files import describe, read_candles, summary
    from cli.candle_import import preview_file, store_file
    from cli.console import out, print_json
    from cli.opening import configured_market, quiet_logging
    from cli.session import command_settings
    from tidecast.errors import InvalidParameter

    settings = command_settings()
    quiet_logging(settings)
    chosen = configured_market(settings, market)
    if ":" not in source:
        raise InvalidParameter(
            f"source {source!r} is malformed", field="source", allowed="EXCHANGE:PAIR"
        )
    clock = settings.clock.build()
    read = read_candles(file, chosen.interval, clock.now(), symbol=chosen.symbol, stamped=stamped)
    store_or_preview = preview_file if dry_run else store_file
    counts = store_or_preview(settings, chosen, read, source, clock)
    facts = summary(read)
    if json:
        print_json({"market": str(chosen), "dry_run": dry_run, **counts, "file": facts})
        return
    for line in describe(facts):
        out.print(line, markup=False)
    words = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    would = "would be: " if dry_run else ""
    out.print(f"{chosen} from {file}: {would}{words}", markup=False)


def utc(moment: datetime | None) -> datetime | None:
    """A time from the command line, which has no zone, as UTC."""
    from datetime import UTC

    return None if moment is None else moment.replace(tzinfo=UTC)
