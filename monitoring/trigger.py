"""Who carries out a retraining: on one machine a niced subprocess.

Whether one may start is settled before, by a claim in the store; a trigger only starts, watches
and ends what it started itself.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidecast.errors import RetryLater
from tidecast.exit_codes import MEANINGS, ExitCode
from tidecast.timeframes import Market

GRACE_SECONDS = 5.0
"""How long a training that is asked to end may take before it is killed."""
COMMAND = (sys.executable, "-m", "training")


@dataclass(frozen=True)
class Ended:
    """A training that ran and ended; ``code`` is None when it was ended from outside."""

    market: Market
    window: str
    code: int | None
    detail: str


class Trigger(Protocol):
    """Starts trainings somewhere and tells how they ended."""

    def ready(self) -> bool:
        """Whether another training can be started now."""
        ...

    def start(self, market: Market, window: str, reason: str) -> None:
        """Start a training that was claimed.

        Raises:
            RetryLater: it could not be started.
        """
        ...

    def poll(self) -> list[Ended]:
        """Trainings that ended since the last call, each once."""
        ...

    def close(self) -> list[Ended]:
        """End what cannot outlive this process; returns what was ended."""
        ...


@dataclass(frozen=True)
class _Running:
    market: Market
    window: str
    process: subprocess.Popen[bytes]
    started: float
    log: Path


class LocalTrigger:
    """Runs one ``python -m training`` at a time, below all other work of the machine.

    Args:
        logs_dir: folder of the trainings' logs, one file each.
        nice: niceness, 0..19.
        timeout_seconds: real time after which a training is ended.
        command: what to run; the market, reason and window are added.
    """

    def __init__(
        self,
        logs_dir: Path,
        *,
        nice: int,
        timeout_seconds: float,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._logs_dir = logs_dir
        self._nice = nice
        self._timeout_seconds = timeout_seconds
        self._command = tuple(command)
        self._running: _Running | None = None

    def ready(self) -> bool:
        """One at a time: two fits would share the cores with the service."""
        return self._running is None

    def start(self, market: Market, window: str, reason: str) -> None:
        """Start the subprocess in a process group of its own.

        Raises:
            RetryLater: the system would not start it.
        """
        arguments = ["--market", str(market), "--reason", reason, "--window", window]
        log = self._logs_dir / f"training-{market.symbol}-{market.interval}-{window}.log"
        try:
            self._logs_dir.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603
                    [*self._command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as e:
            raise RetryLater(f"the training could not be started: {e}") from e
        # It may have ended already, and then there is nothing to slow down.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, process.pid, self._nice)
        self._running = _Running(market, window, process, time.monotonic(), log)

    def poll(self) -> list[Ended]:
        """The training if it ended, or ran longer than it may and was ended."""
        running = self._running
        if running is None:
            return []
        code = running.process.poll()
        if code is None:
            if time.monotonic() - running.started < self._timeout_seconds:
                return []
            return self._end(f"took longer than {self._timeout_seconds:g} s and was ended")
        self._running = None
        return [_ended(running, code)]

    def close(self) -> list[Ended]:
        """End the training that still runs."""
        return self._end("ended because the monitor was stopped")

    def _end(self, detail: str) -> list[Ended]:
        running = self._running
        if running is None:
            return []
        self._running = None
        code = running.process.poll()
        if code is not None:
            return [_ended(running, code)]
        _end_group(running.process)
        return [Ended(running.market, running.window, None, f"{detail}; log: {running.log}")]


def _ended(running: _Running, code: int) -> Ended:
    if code < 0:
        said = f"killed by {signal.Signals(-code).name}"
    elif code in set(ExitCode):
        said = f"exit code {code}: {MEANINGS[ExitCode(code)]}"
    else:
        said = f"exit code {code}"
    return Ended(running.market, running.window, code, f"{said}; log: {running.log}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the process group of our own child to end, then insist."""
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
