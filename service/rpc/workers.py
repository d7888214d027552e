"""Threads that take their work from one queue."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from tidecast.telemetry import get_logger

log = get_logger("service")


class Workers:
    """Runs work in the order it came. Cheaper than an executor: nobody waits for a result.

    Args:
        threads: how many; they are daemons, so work that hangs never holds an exit.
        name: of the threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._name = name
        self._work: SimpleQueue[tuple[Callable[..., None] | None, tuple[Any, ...]]] = SimpleQueue()
        self._open = threading.Event()
        self._open.set()

    @property
    def waiting(self) -> int:
        """Work that no thread has begun, about."""
        return self._work.qsize()

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._threads):
            name = f"{self._name} {number}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def stop(self) -> None:
        """End the threads after the work that came before."""
        self.release()
        for _ in range(self._threads):
            self._work.put((None, ()))

    def put(self, task: Callable[..., None], *arguments: Any) -> None:
        """Have ``task(*arguments)`` run."""
        self._work.put((task, arguments))

    @property
    def held(self) -> bool:
        """Whether no work is begun now."""
        return not self._open.is_set()

    def hold(self) -> None:
        """Begin no work until ``release``."""
        self._open.clear()

    def release(self) -> None:
        """Go on."""
        self._open.set()

    def _run(self) -> None:
        while True:
            task, arguments = self._work.get()
            self._open.wait()
            if task is None:
                return
            try:
                task(*arguments)
            except Exception:
                log.exception("grpc_task_failed")
            del task, arguments
