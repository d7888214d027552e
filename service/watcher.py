"""The threads that keep the board new. They are daemons: a hanging registry never holds an exit."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

from service.board import Board
from service.watch import STORE_AWAY, MarketWatch
from tidecast.errors import StoreUnavailable
from tidecast.store import Store
from tidecast.telemetry import LOOP_FAILURES, get_logger

RETRY_MIGRATION_SECONDS = 1.0
STOP_WITHIN_SECONDS = 2.0
BROKEN = "internal error: the forecast is not renewed; the log says why"

NICENESS = 19
"""Of a thread once it has served: on one core the kernel lets it run on for milliseconds, while
requests wait, unless they have the right of way."""

log = get_logger("service")


class Watcher:
    """Runs the watches of all markets, each with two threads, until it is stopped.

    Args:
        poll_seconds: pause between two looks at the store for a candle.
        champion_poll_seconds: pause between two looks for a new champion.
        settle: called once, when the first model is loaded and most of what will live is there.
    """

    def __init__(
        self,
        store: Store,
        board: Board,
        watches: Sequence[MarketWatch],
        *,
        poll_seconds: float,
        champion_poll_seconds: float,
        settle: Callable[[], None],
    ) -> None:
        self._store = store
        self._board = board
        self._watches = watches
        self._poll_seconds = poll_seconds
        self._champion_poll_seconds = champion_poll_seconds
        self._settle: Callable[[], None] | None = settle
        self._stop = threading.Event()
        self._migrated = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads; returns at once."""
        self._run("migration", self._migrate)
        for watch in self._watches:
            wake = threading.Event()
            self._run(f"candle {watch.market}", partial(self._candles, watch, wake))
            self._run(f"champion {watch.market}", partial(self._champions, watch, wake))

    def stop(self) -> None:
        """End the threads, waiting a little for what they are at."""
        self._stop.set()
        self._migrated.set()
        for thread in self._threads:
            thread.join(STOP_WITHIN_SECONDS / len(self._threads))

    def _run(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _migrate(self) -> None:
        while not self._stop.is_set():
            try:
                self._store.migrate()
                self._connect()
                break
            except StoreUnavailable as error:
                for market in self._board.markets:
                    self._board.trouble(market, "store", STORE_AWAY)
                log.warning("migration_waits", error=str(error))
            except Exception:
                LOOP_FAILURES.labels("service").inc()
                log.exception("migration_failed")
            self._stop.wait(RETRY_MIGRATION_SECONDS)
        self._migrated.set()

    def _connect(self) -> None:
        """Before the first request, not within one: on a busy machine each takes up to 2 s."""
        try:
            self._store.connect()
        except StoreUnavailable as error:
            log.warning("connections_missing", error=str(error))

    def _candles(self, watch: MarketWatch, wake: threading.Event) -> None:
        self._migrated.wait()
        while not self._stop.is_set():
            self._guarded(watch, watch.look_for_candle)
            self._give_way(watch)
            wake.wait(self._poll_seconds)
            wake.clear()

    def _champions(self, watch: MarketWatch, wake: threading.Event) -> None:
        self._migrated.wait()
        while not self._stop.is_set():
            if self._guarded(watch, watch.look_for_champion):
                wake.set()
                self._settle_once()
            self._give_way(watch)
            self._stop.wait(self._champion_poll_seconds)

    def _settle_once(self) -> None:
        settle, self._settle = self._settle, None
        if settle is not None:
            settle()

    def _give_way(self, watch: MarketWatch) -> None:
        """Once there is something to serve, let requests go before this thread.

        Threads have priorities of their own on Linux only.
        """
        if self._board.state(watch.market).snapshot is not None and sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

    def _guarded(self, watch: MarketWatch, look: Callable[[], bool | None]) -> bool:
        """The outermost frame of a thread: nothing unexpected may end it."""
        try:
            changed = bool(look())
            self._board.trouble(watch.market, look.__name__, None)
            return changed
        except Exception:
            LOOP_FAILURES.labels("service").inc()
            if self._board.trouble(watch.market, look.__name__, BROKEN):
                log.exception("look_failed", market=str(watch.market), look=look.__name__)
            return False
