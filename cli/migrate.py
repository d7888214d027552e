"""`tidecast migrate`: bring the tables of the store up to date."""

from typing import Annotated

import typer

WaitOption = Annotated[
    float, typer.Option(min=0.0, help="Seconds to go on trying while something is away.")
]


def migrate(wait: WaitOption = 0.0) -> None:
    """Bring the tables of the store up to date, and do nothing when they are.

    Many may start at once: one migrates, the others wait for it. A database that a newer Tidecast
    has migrated is left as it is.

    Example: tidecast migrate --wait 300
    """
    from cli.console import out, progress
    from cli.opening import opened_store, quiet_logging
    from cli.session import command_settings
    from cli.waiting import patiently

    settings = command_settings()
    quiet_logging(settings)

    def bring_up_to_date() -> None:
        with opened_store(settings):
            pass

    patiently(bring_up_to_date, wait, progress)
    out.print("the tables of the store are up to date")
