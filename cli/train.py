"""`tidecast train`: make a challenger and promote it when it wins."""

from typing import Annotated

import typer

from cli.options import JsonOption, MarketArgument


def train(
    market: MarketArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "asked by a person",
    json: JsonOption = False,
) -> None:
    """Train a challenger of a market, judge it, and promote it when it wins.

    A challenger that does not win is no failure: it is kept in the registry, the champion stays,
    and the exit code is 0.

    Example: tidecast train BTC-USD:1h --reason "new history"
    """
    from cli.console import out, print_json, progress
    from cli.opening import configured_market, open_registry, opened_store, quiet_logging
    from cli.session import command_settings
    from cli.single_training import train_once

    settings = command_settings()
    quiet_logging(settings)
    chosen = configured_market(settings, market)
    with opened_store(settings) as store:
        outcome = train_once(store, open_registry(settings), settings, chosen, reason, progress)
    if outcome.error is not None:
        raise outcome.error
    if json:
        print_json(
            {
                "market": str(chosen),
                "status": outcome.status,
                "version": outcome.version,
                "detail": outcome.detail,
                "figures": outcome.verdict.figures if outcome.verdict else {},
            }
        )
    else:
        out.print(f"{chosen}: version {outcome.version} {outcome.status}: {outcome.detail}")
