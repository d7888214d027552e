"""`tidecast begin`: from an empty store to a first champion, as a cluster needs it once."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from cli.migrate import WaitOption

if TYPE_CHECKING:
    from tidecast.settings import MarketSettings, Settings

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
"""Which of the configured markets a pod of an Indexed Job is for."""


def begin(
    markets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MARKET]...", help="SYMBOL:INTERVAL; all configured if none."),
    ] = None,
    wait: WaitOption = 0.0,
) -> None:
    """Fill the history of each market and train its first champion, where there is none.

    A market that has a champion is left alone, so this may be repeated at any time. When a market
    fails, the others follow; the exit code is that of the worst failure. In a pod of an Indexed
    Job the index chooses the market.

    Example: tidecast begin --wait 300
    """
    from functools import partial

    from cli.beginning import begin_market
    from cli.console import out, progress
    from cli.failures import report
    from cli.opening import quiet_logging
    from cli.session import command_settings
    from cli.waiting import patiently
    from tidecast.exit_codes import worst

    settings = command_settings()
    quiet_logging(settings)
    failures = []
    for chosen in _chosen(settings, markets or []):
        try:
            line = patiently(partial(begin_market, settings, chosen), wait, progress)
        except Exception as error:
            failures.append(report(error, str(chosen.market)))
        else:
            out.print(line)
    if failures:
        raise typer.Exit(worst(failures))


def _chosen(settings: "Settings", names: list[str]) -> "list[MarketSettings]":
    from cli.opening import configured_market
    from tidecast.errors import ConfigurationError

    index = os.environ.get(INDEX_VARIABLE)
    if names or index is None:
        named = [configured_market(settings, text) for text in names]
        return [one for one in settings.markets if not named or one.market in named]
    try:
        return [settings.markets[int(index)]]
    except (ValueError, IndexError) as error:
        raise ConfigurationError(
            f"{INDEX_VARIABLE} is {index}, and there are {len(settings.markets)} markets:"
            " the Job must have as many completions as TIDECAST_MARKETS has markets"
        ) from error
