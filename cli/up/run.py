"""The order of things in `up`: decide, prepare, serve, then live until stopped."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.markup import escape

from cli import session
from cli.console import err
from cli.replaying import Replay, start_exchange
from cli.up.mode import reachable_exchange
from cli.up.options import Options
from cli.up.replay_settings import FOLDER, replay_variables, resume_instant
from cli.up.site import Site
from cli.up.steps import Steps, Stopped
from tidecast.clock import SimulatedClock
from tidecast.errors import ConfigurationError
from tidecast.settings import Settings, load_settings
from tidecast.telemetry import configure_logging
from tidecast.timeframes import format_rfc3339

BANNER_WIDTH = 76


def banner(why: str) -> str:
    """What everybody must see who looks at replayed data."""
    lines = (
        f"{why}: recorded candles of 2019 (Coinbase BTC-USD)",
        "are replayed on a simulated clock. Every answer says so. Not live!",
    )
    frame = "─" * (BANNER_WIDTH - 9)
    text = "\n".join(f"│ {line:<{BANNER_WIDTH - 2}} │" for line in lines)
    return f"[bold yellow]╭─ REPLAY {frame}╮\n{text}\n╰{'─' * BANNER_WIDTH}╯[/bold yellow]"


def run(options: Options) -> None:
    """Run until stopped.

    Raises:
        TidecastError: nothing could be begun.
    """
    started = time.monotonic()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = load_settings()
    home_dir = settings.home_dir.absolute()
    steps = Steps(err, stop)
    with session.running(home_dir), ExitStack() as opened:
        try:
            replay = _decide(options, settings, home_dir, steps, opened)
            if options.port is not None:
                os.environ["TIDECAST_SERVICE__PORT"] = str(options.port)
            if options.grpc_port is not None:
                os.environ["TIDECAST_SERVICE__GRPC_PORT"] = str(options.grpc_port)
            settings = load_settings()
            opened.enter_context(_logging_to_file(settings))
            Site(settings, steps, stop, options, replay, started).live()
        except Stopped:
            pass
    kept = escape(str(settings.home_dir))
    steps.say(f"stopped; everything is kept in {kept}, `tidecast up` goes on from it")


def _decide(
    options: Options, settings: Settings, home_dir: Path, steps: Steps, opened: ExitStack
) -> Replay | None:
    """Set the environment for live candles or for a replay; the exchange of the replay."""
    replay = options.replay
    if replay is None and session.CLOCK_VARIABLE not in os.environ:
        with steps.step("Looking for a reachable exchange") as step:
            found = reachable_exchange(settings, datetime.now(UTC))
            step.tell(f"{found} answers" if found else "none answers")
        replay = found is None
    if not replay:
        os.environ["TIDECAST_HOME_DIR"] = str(home_dir)
        session.write_note(home_dir, {})
        return None
    steps.say(banner("As you asked" if options.replay else "No exchange can be reached"))
    return _prepare_replay(options, home_dir, steps, opened)


def _prepare_replay(options: Options, home_dir: Path, steps: Steps, opened: ExitStack) -> Replay:
    folder = home_dir / FOLDER
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    at = resume_instant(folder)
    clock = SimulatedClock(datetime.now(UTC), at, options.speed)
    replay = start_exchange(clock)
    opened.callback(replay.exchange.stop)
    variables = replay_variables(folder, clock, replay.exchange.url)
    os.environ.update(variables)
    session.write_note(home_dir, variables)
    hour = timedelta(hours=1).total_seconds() / options.speed
    steps.say(f"The clock starts at {format_rfc3339(at)}; an hour takes {hour:.3g} s (--speed)")
    return replay


@contextmanager
def _logging_to_file(settings: Settings) -> Iterator[None]:
    """The logs of our own loops go where those of the children are."""
    if settings.home_dir.exists() and not settings.home_dir.is_dir():
        raise ConfigurationError(f"TIDECAST_HOME_DIR: {settings.home_dir} is no folder")
    logs_dir = settings.home_dir / "logs"
    logs_dir.mkdir(parents=True, exist_ok=True)
    log = (logs_dir / "up.log").open("a", buffering=1)
    configure_logging(settings.log_level, settings.log_format, "up", log)
    try:
        yield
    finally:
        # A full disk does not take the last lines.
        with suppress(OSError):
            log.close()
