"""Entry point of the `tidecast` command: registers one file per command."""

import typer

from cli.backtest import backtest
from cli.begin import begin
from cli.candles import candles
from cli.failures import guarded
from cli.forecast import forecast
from cli.ingest import ingest
from cli.keys import key
from cli.migrate import migrate
from cli.promote import promote
from cli.replay import replay
from cli.rollback import rollback
from cli.status import status
from cli.train import train
from cli.up.command import up
from tidecast.exit_codes import MEANINGS

COMMANDS = (
    up,
    begin,
    ingest,
    train,
    backtest,
    forecast,
    status,
    promote,
    rollback,
    migrate,
    replay,
    key,
)

EPILOG = "Exit codes: " + "; ".join(f"{code.value} {text}" for code, text in MEANINGS.items()) + "."

app = typer.Typer(
    name="tidecast",
    help="Hourly probabilistic forecasts of crypto prices that score and retrain themselves.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in COMMANDS:
    app.command()(guarded(command))
app.add_typer(candles, name="candles")


def main() -> None:
    """Run the command that was typed."""
    app()
