"""Gives up on calls that wait for too long."""

import threading
from collections.abc import Callable
from time import monotonic

from service.rpc.calls import Call
from tidecast.telemetry import get_logger

LONGEST_PAUSE_SECONDS = 0.5

log = get_logger("service")


class Patience:
    """Watches calls, and acts on those that are still watched after a while.

    Any thread may call it; it takes no lock, since a dictionary changes in one step.

    Args:
        seconds: how long a call may wait.
        give_up: what to do then.
    """

    def __init__(self, seconds: float, give_up: Callable[[Call], object]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._due: dict[Call, float] = {}
        self._stop = threading.Event()

    def start(self) -> None:
        """Start to watch."""
        threading.Thread(target=self._watch, name="grpc patience", daemon=True).start()

    def stop(self) -> None:
        """End what ``start`` started."""
        self._stop.set()

    def __len__(self) -> int:
        return len(self._due)

    def watch(self, call: Call) -> None:
        """The call begins to wait."""
        self._due[call] = monotonic() + self._seconds

    def forget(self, call: Call) -> None:
        """The call waits no longer."""
        self._due.pop(call, None)

    def _watch(self) -> None:
        pause = min(self._seconds / 4, LONGEST_PAUSE_SECONDS)
        while not self._stop.wait(pause):
            try:
                self._look()
            except Exception:
                log.exception("grpc_patience_failed")

    def _look(self) -> None:
        now = monotonic()
        for call, due in list(self._due.items()):
            if due <= now and self._due.pop(call, None) is not None:
                self._give_up(call)
