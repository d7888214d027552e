"""Tells a person what is going on: one line per step, and never silence for more than 5 s."""

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

TICK_SECONDS = 4.0
"""A step that is still going on says so this often, where lines cannot be rewritten."""


def print_line(console: Console, message: str, *, markup: bool = True) -> None:
    """Print, unless the disk that the output goes to is full: that must not end `up`."""
    try:
        console.print(message, markup=markup)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


class Stopped(Exception):
    """The person asked to stop while a step was going on."""


class Step:
    """One step that is going on; ``failed`` says how it ended."""

    def __init__(self, title: str, stop: threading.Event) -> None:
        self.title = title
        self.detail = ""
        self.failed = False
        self._stop = stop
        self._started = time.monotonic()

    def tell(self, detail: str) -> None:
        """What it does now.

        Raises:
            Stopped: it shall not go on.
        """
        self.detail = detail
        if self._stop.is_set():
            raise Stopped

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._started

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.title}{detail} ({self.seconds:.0f} s)"


class Steps:
    """Writes the steps: a line that is rewritten in a terminal, else a line every few seconds."""

    def __init__(self, console: Console, stop: threading.Event) -> None:
        self._console = console
        self._stop = stop

    def say(self, message: str) -> None:
        """One line."""
        print_line(self._console, message)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while it goes on, and how long it took.

        Raises:
            Stopped: by the step, when the person asked to stop.
        """
        step, ended = Step(title, self._stop), threading.Event()
        show = self._rewrite if self._console.is_terminal else self._repeat
        ticker = threading.Thread(target=show, args=(step, ended), name="progress", daemon=True)
        ticker.start()
        try:
            yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            ended.set()
            ticker.join()
            self._sum_up(step)

    def _sum_up(self, step: Step) -> None:
        mark = "[red]✗[/red]" if step.failed else "[green]✓[/green]"
        detail = f": {step.detail}" if step.detail else ""
        self.say(f"{mark} {escape(step.title + detail)} [dim]({step.seconds:.1f} s)[/dim]")

    def _rewrite(self, step: Step, ended: threading.Event) -> None:
        with self._console.status(escape(str(step))) as status:
            while not ended.wait(0.25):
                status.update(escape(str(step)))

    def _repeat(self, step: Step, ended: threading.Event) -> None:
        self.say(f"  {escape(step.title)}")
        while not ended.wait(TICK_SECONDS):
            self.say(f"  … {escape(str(step))}")
