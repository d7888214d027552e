"""Arguments and options that several commands have."""

from typing import Annotated

import typer

MarketArgument = Annotated[
    str, typer.Argument(metavar="MARKET", help="SYMBOL:INTERVAL; :1h may be left out.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
