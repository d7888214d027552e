"""Arguments and options that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer


class Stamped(StrEnum):
    """What the times in a candle file are the times of."""

    OPEN = "open"
    CLOSE = "close"


MarketArgument = Annotated[
    str, typer.Argument(metavar="MARKET", help="SYMBOL:INTERVAL; :1h may be left out.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
StampedOption = Annotated[
    Stamped, typer.Option(help="Whether the times in the file are when candles open or close.")
]
