"""`tidecast replay`: the replay exchange on its own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def replay(
    file: Annotated[
        Path | None, typer.Option("--candles", help="File of candles; the sample if none.")
    ] = None,
    pair: Annotated[str, typer.Option(help="Name of the pair it serves.")] = "BTC-USD",
    interval: Annotated[str, typer.Option(help="Interval of the candles.")] = "1h",
    start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Its time at the beginning, UTC."
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.001, help="Simulated seconds per real second.")
    ] = 720.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for a free one.")] = 8765,
) -> None:
    """Serve recorded candles as an exchange would, on a simulated clock, until Ctrl-C.

    A clock in the settings goes before --start and --speed, so that it survives a restart.

    It speaks the language of Coinbase; the source `replay` asks it. `tidecast up --replay` starts
    one by itself; this is for trying other processes against it.

    Example: tidecast replay --candles btc.parquet --start 2025-01-01 --speed 3600
    """
    import signal
    import threading

    from cli.console import out
    from cli.replaying import REPLAY_START, start_exchange
    from tidecast.clock import SimulatedClock
    from tidecast.settings import load_settings

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    clock = load_settings().clock.build()
    if not isinstance(clock, SimulatedClock):
        begin = start.replace(tzinfo=UTC) if start else REPLAY_START
        clock = SimulatedClock(datetime.now(UTC), begin, speed)
    running = start_exchange(clock, file=file, pair=pair, interval=interval, host=host, port=port)
    exchange = running.exchange
    out.print(f"replay of {pair} {interval} at {exchange.url}; for other processes:")
    out.print(f"  export TIDECAST_INGESTION__REPLAY_URL={exchange.url}")
    out.print(f"  export TIDECAST_CLOCK__SIMULATED_AT={clock.simulated_at.isoformat()}")
    out.print(f"  export TIDECAST_CLOCK__REAL_AT={clock.real_at.isoformat()}")
    out.print(f"  export TIDECAST_CLOCK__SPEED={clock.speed:g}")
    stop.wait()
    exchange.stop()
