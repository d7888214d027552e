"""Who carries out a retraining: on one machine a niced subprocess, in a cluster a Job.

Whether one may start is settled before, by a claim in the store; a trigger only starts, watches
and ends what it started itself.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tidecast.errors import RetryLater
from tidecast.exit_codes import MEANINGS, ExitCode
from tidecast.timeframes import Market

GRACE_SECONDS = 5.0
"""How long a training that is asked to end may take before it is killed."""
COMMAND = (sys.executable, "-m", "training")


NO_FIGURES: Mapping[str, object] = {}

Cause = Literal[
    "", "failed", "configuration", "refused", "out_of_memory", "too_slow", "vanished", "gave_up"
]
"""Why a training failed, in one word for an alert; empty when it did not."""


class StartPostponed(RetryLater):
    """Nothing was started, and a later round may try again.

    Args:
        message: why.
        refused: whether a person must act before it can work.
    """

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class Ended:
    """A training that ran and ended.

    Attributes:
        code: exit code; None when it was ended from outside or is not known.
        detail: what happened, for people.
        cause: why it failed.
        watched: whether this monitor saw it run; another one may have told its end already.
    """

    market: Market
    window: str
    code: int | None
    detail: str
    cause: Cause = "failed"
    watched: bool = True


class Trigger(Protocol):
    """Starts trainings somewhere and tells how they ended."""

    def ready(self) -> bool:
        """Whether another training can be started now."""
        ...

    def start(
        self,
        market: Market,
        window: str,
        reason: str,
        figures: Mapping[str, object] = NO_FIGURES,
    ) -> None:
        """Start a training that was claimed; ``figures`` are the errors that led to it.

        Raises:
            StartPostponed: not now; the claim is to be given back.
            RetryLater: it could not be started, and the training counts as failed.
        """
        ...

    def watches(self, market: Market, window: str) -> bool:
        """Whether it was started here and its end was not told yet."""
        ...

    def poll(self) -> list[Ended]:
        """Trainings that ended since the last call, each once."""
        ...

    def close(self) -> list[Ended]:
        """End what cannot outlive this process, forget the rest; returns what was ended."""
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

    def start(
        self,
        market: Market,
        window: str,
        reason: str,
        figures: Mapping[str, object] = NO_FIGURES,
    ) -> None:
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

    def watches(self, market: Market, window: str) -> bool:
        """Whether it is the one that runs."""
        running = self._running
        return running is not None and (running.market, running.window) == (market, window)

    def poll(self) -> list[Ended]:
        """The training if it ended, or ran longer than it may and was ended."""
        running = self._running
        if running is None:
            return []
        code = running.process.poll()
        if code is None:
            if time.monotonic() - running.started < self._timeout_seconds:
                return []
            detail = f"took longer than {self._timeout_seconds:g} s and was ended"
            return self._end(detail, "too_slow")
        self._running = None
        return [_ended(running, code)]

    def close(self) -> list[Ended]:
        """End the training that still runs."""
        return self._end("ended because the monitor was stopped", "vanished")

    def _end(self, detail: str, cause: Cause) -> list[Ended]:
        running = self._running
        if running is None:
            return []
        self._running = None
        code = running.process.poll()
        if code is not None:
            return [_ended(running, code)]
        _end_group(running.process)
        detail = f"{detail}; log: {running.log}"
        return [Ended(running.market, running.window, None, detail, cause)]


def meaning_of(code: int) -> str:
    """An exit code in words; a negative one is the signal that killed the process."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    if code in set(ExitCode):
        return f"exit code {code}: {MEANINGS[ExitCode(code)]}"
    return f"exit code {code}"


def cause_of(code: int) -> Cause:
    """What an exit code of a training says about its failure."""
    if code == ExitCode.OK:
        return ""
    if code in (ExitCode.USAGE, ExitCode.CONFIGURATION):
        return "configuration"
    return "refused" if code in (ExitCode.REFUSED, ExitCode.NO_CANDLES) else "failed"


def _ended(running: _Running, code: int) -> Ended:
    detail = f"{meaning_of(code)}; log: {running.log}"
    return Ended(running.market, running.window, code, detail, cause_of(code))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the process group of our own child to end, then insist."""
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
