"""When to ingest on one machine: a few seconds after each candle closes, and catching up."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from ingestion.run import IngestionResult
from tidecast.clock import Clock
from tidecast.errors import TidecastError
from tidecast.settings import MarketSettings
from tidecast.telemetry import LOOP_FAILURES, get_logger
from tidecast.timeframes import floor_to_grid, interval_length

SETTLE = timedelta(seconds=5)
"""Exchanges publish a candle a moment after it closed."""

FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=10)
"""A candle that is late is asked for again, ever more rarely."""

MIN_PAUSE_SECONDS = 0.05
"""Shortest real pause between two runs, however fast the clock runs."""

MAX_WAIT_SECONDS = 1.0
"""Longest real wait before the clock is read again: the wall clock may jump."""

Ingest = Callable[[MarketSettings], IngestionResult]

_log = get_logger(__name__)


class Schedule:
    """Ingests each market when its next candle is due, until stopped.

    Args:
        ingest: one run over one market.
        markets: which markets.
        clock: what time it is.
        report: is told the result of each run.
    """

    def __init__(
        self,
        ingest: Ingest,
        markets: Sequence[MarketSettings],
        clock: Clock,
        report: Callable[[IngestionResult], None],
    ) -> None:
        self._ingest = ingest
        self._markets = markets
        self._clock = clock
        self._report = report
        self._due: dict[str, datetime] = {}
        self._late: dict[str, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Ingest until ``stop`` is set; a failure of one market does not stop the others."""
        while not stop.is_set():
            self.run_due(stop)
            stop.wait(self._pause_seconds())

    def run_due(self, stop: threading.Event) -> None:
        """Ingest every market whose time has come."""
        for settings in self._markets:
            due = self._due.get(str(settings.market))
            if not stop.is_set() and (due is None or self._clock.now() >= due):
                self._due[str(settings.market)] = self._run_one(settings)

    def _run_one(self, settings: MarketSettings) -> datetime:
        """Ingest one market; returns when it is due again."""
        name, now = str(settings.market), self._clock.now()
        try:
            result = self._ingest(settings)
        except TidecastError as e:
            _log.error("ingestion_failed", market=name, error=str(e))
            lag = 1
        except Exception:
            LOOP_FAILURES.labels("ingestion").inc()
            _log.exception("ingestion_failed", market=name)
            lag = 1
        else:
            lag = result.lag_candles
            self._report(result)
        self._late[name] = self._late.get(name, 0) + 1 if lag else 0
        return next_due(now, settings.interval, self._late[name])

    def _pause_seconds(self) -> float:
        first = min(self._due.values(), default=self._clock.now())
        wait = self._clock.real_seconds(first - self._clock.now())
        return min(max(wait, MIN_PAUSE_SECONDS), MAX_WAIT_SECONDS)


def next_due(now: datetime, interval: str, times_late: int) -> datetime:
    """When a market is due again.

    Args:
        now: when it was ingested, UTC.
        interval: of its candles.
        times_late: runs in a row after which a closed candle was still missing.
    """
    regular = floor_to_grid(now, interval) + interval_length(interval) + SETTLE
    if times_late == 0:
        return regular
    retry = now + min(FIRST_RETRY * 2.0 ** min(times_late - 1, 20), LONGEST_RETRY)
    return min(retry, regular)
