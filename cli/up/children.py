"""Child processes: started with a log file, watched, started again, ended by their pid."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 8.0
"""How long a child may take to end before it is killed."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
GONE_SECONDS = 0.05
"""A killed process needs a moment until its port is free."""

MARK = "TIDECAST_CHILD"
"""Environment variable that tells whose child a process is, down to its own children."""

HEALTHY_SECONDS = 60.0
"""A child that lived this long starts with the shortest pause again."""


class Child:
    """One process that shall always run.

    Args:
        name: for messages and its log file.
        command: what to run.
        cwd: where.
        logs_dir: folder of its log.
        variables: added to our environment.
        say: is told when it ends and starts again.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path,
        logs_dir: Path,
        variables: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self.name = name
        self.log = logs_dir / f"{name}.log"
        self._command = list(command)
        self._cwd = cwd
        self._mark = str(logs_dir / name)
        self._variables = {**variables, MARK: self._mark}
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE_SECONDS
        self._start_at = 0.0

    def start(self) -> None:
        """Start it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                cwd=self._cwd,
                env={**os.environ, **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = time.monotonic()

    def watch(self) -> None:
        """Start it again when it ended, with a growing pause; to be called often."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._plan_restart(code)
        if time.monotonic() >= self._start_at:
            self._say(f"starting the {self.name} again")
            self.start()

    def stop(self) -> None:
        """Ask it to end, then insist."""
        process, self._process = self._process, None
        if process is not None:
            end(process)
            self.end_left_behind()

    def end_left_behind(self) -> None:
        """End what it, or one of an `up` that was killed, left behind.

        The service's worker lives in a session of its own and outlives its killed parent.
        """
        deadline = time.monotonic() + GRACE_SECONDS
        while (left := marked(self._mark)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(GONE_SECONDS)

    def _plan_restart(self, code: int) -> None:
        if time.monotonic() - self._started > HEALTHY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self._say(
            f"[red]the {self.name} ended with {_word(code)}[/red], "
            f"starting again in {self._pause:g} s; its log: {self.log}"
        )
        self._process = None
        self.end_left_behind()
        self._start_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a child to end, then end it and its own children."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def marked(mark: str) -> list[int]:
    """Processes of ours that carry a mark in their environment; none where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or is not ours
        if wanted in variables:
            found.append(int(folder.name))
    return found


def _word(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
