"""`tidecast up`: one command, the whole loop, no server to install."""

from typing import Annotated

import typer

DEFAULT_SPEED = 720.0
"""Simulated seconds per real second: an hour passes in five seconds."""


def up(
    replay: Annotated[
        bool | None,
        typer.Option(
            "--replay/--live", help="Force recorded or live candles; decided by itself if none."
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, help="Replay: simulated seconds per real second.")
    ] = DEFAULT_SPEED,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Replay: forget the state of the last replay first.")
    ] = False,
    hours: Annotated[
        float | None, typer.Option(min=0, help="Stop by itself after so many hours of the clock.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="HTTP port; that of the settings if none.")
    ] = None,
    grpc_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="gRPC port; that of the settings if none.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model of the first champion: ensemble, garch, ewma, random_walk;"
            " the best one that the history supports if none."
        ),
    ] = None,
) -> None:
    """Run everything on this machine until Ctrl-C: ingestion, training, service, monitoring.

    Uses live exchanges where one answers. Otherwise it says so and replays recorded candles
    through the same adapter on a simulated clock. State stays in .tidecast; starting again goes on
    from there.

    Example: tidecast up --replay --speed 1440
    """
    from cli.up.options import Options
    from cli.up.run import run

    run(Options(replay, speed, fresh, hours, port, grpc_port, model))
