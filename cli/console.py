"""Where a command writes: results to stdout, everything else to stderr."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 120
"""Columns where no terminal says how many it has."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)
"""For results that a person reads."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""For progress, warnings and errors."""


def print_json(content: Any) -> None:
    """Print what a program reads: one JSON document."""
    sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")


def table(title: str | None, *columns: str) -> Table:
    """A table whose numbers, in columns marked with ``>``, stand at the right."""
    made = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        if column.startswith(">"):
            made.add_column(column[1:], justify="right", no_wrap=True)
        else:
            made.add_column(column, no_wrap=True)
    return made


def progress(message: str) -> None:
    """One line about a long step."""
    err.print(message, style="dim", markup=False)
