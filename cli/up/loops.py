"""The loops that run inside `up`: ingestion and monitoring, each in a thread of its own."""

import threading
from collections.abc import Callable

from rich.markup import escape

import monitoring.loop
from ingestion.rounds import Ingestion
from ingestion.run import IngestionResult
from ingestion.schedule import Schedule
from tidecast.clock import Clock
from tidecast.settings import MarketSettings, Settings
from tidecast.telemetry import LOOP_FAILURES, get_logger

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
JOIN_SECONDS = 12.0
"""How long a loop may take to end: a request that is under way, a training that is ended."""

_log = get_logger(__name__)


class Loops:
    """Threads that go on until stopped and are started again when they fail."""

    def __init__(self, stop: threading.Event, say: Callable[[str], None]) -> None:
        self._stop = stop
        self._say = say
        self._threads: list[threading.Thread] = []

    def start(self, name: str, loop: Callable[[threading.Event], None]) -> None:
        """Run a loop in a thread."""
        thread = threading.Thread(target=self._run, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait until all loops have ended; they must have been stopped."""
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _run(self, name: str, loop: Callable[[threading.Event], None]) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            try:
                loop(self._stop)
            except Exception as e:
                LOOP_FAILURES.labels(name).inc()
                _log.exception("loop_failed", loop=name)
                self._say(f"[red]{name} failed[/red], again in {pause:g} s: {escape(str(e))}")
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def ingestion_loop(
    ingestion: Ingestion, settings: Settings, clock: Clock
) -> Callable[[threading.Event], None]:
    """The schedule of ingestion as a loop."""

    def ingest(market: MarketSettings) -> IngestionResult:
        ingestion.run_sentiment()
        return ingestion.run(market)

    schedule = Schedule(ingest, settings.markets, clock, lambda result: None)
    return schedule.run


def monitoring_loop(settings: Settings) -> Callable[[threading.Event], None]:
    """The monitor as a loop."""
    return lambda stop: monitoring.loop.run(stop, settings)
