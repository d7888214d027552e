"""Child processes: started with a log file, watched, started again, ended by their pid."""

import contextlib
import json
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
        self._pid_file = logs_dir / f"{name}.pid"
        self._variables = dict(variables)
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
        self._pid_file.write_text(json.dumps({"pid": self._process.pid, "command": self._command}))

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
        self._pid_file.unlink(missing_ok=True)

    def end_left_behind(self) -> None:
        """End the one that a killed parent left behind."""
        try:
            note = json.loads(self._pid_file.read_text())
            pid, command = int(note["pid"]), list(note["command"])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except (OSError, ValueError, KeyError, TypeError):
            return
        # The pid may be another process's by now; only our own command line is ended.
        if words[: len(command)] == command:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _plan_restart(self, code: int) -> None:
        if time.monotonic() - self._started > HEALTHY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self._say(
            f"[red]the {self.name} ended with {_word(code)}[/red], "
            f"starting again in {self._pause:g} s; its log: {self.log}"
        )
        self._process = None
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


def _word(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
