"""Says what a training does, so that no step is silent for long."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str], None]

TICK_SECONDS = 4.0
"""A step that runs longer says so this often."""


@contextmanager
def announced(progress: Progress, step: str, tick_seconds: float = TICK_SECONDS) -> Iterator[None]:
    """Tell ``progress`` when a step begins, every ``tick_seconds`` while it runs, and its end."""
    progress(step)
    started = time.monotonic()
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(tick_seconds):
            progress(f"{step}, {time.monotonic() - started:.0f} s so far")

    ticker = threading.Thread(target=tick, name="progress", daemon=True)
    ticker.start()
    try:
        yield
    finally:
        ended.set()
        ticker.join()
    progress(f"{step}: {time.monotonic() - started:.1f} s")
