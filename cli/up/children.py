"""Child processes: started with a log file, watched, started again, ended by their pid."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.markup import escape

GRACE_SECONDS = 8.0
"""How long a child may take to end before it is killed."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
LOOK_SECONDS = 0.02
"""Pause between two looks at processes that were killed."""

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
        killed: set[int] = set()
        while time.monotonic() < deadline:
            left = marked(self._mark)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            killed.update(left)
            # The environment goes with the memory, before the files: a process without its mark
            # can hold its port for another 0.1 s.
            if not any(holds_files(pid) for pid in killed):
                return
            time.sleep(LOOK_SECONDS)

    def _plan_restart(self, code: int) -> None:
        if time.monotonic() - self._started > HEALTHY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self._say(
            f"[red]the {self.name} ended with {_word(code)}[/red], "
            f"starting again in {self._pause:g} s; its log: {escape(str(self.log))}"
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
    wanted = os.fsencode(f"{MARK}={mark}")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or is not ours
        if wanted in variables:
            found.append(int(folder.name))
    return found


def holds_files(pid: int) -> bool:
    """Whether a process that was killed can still hold files and ports.

    The main thread may be a zombie while others still end, and the files go with the last one.
    """
    for thread in Path(f"/proc/{pid}/task").glob("[0-9]*"):
        try:
            state = (thread / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        except OSError:
            continue  # it ended meanwhile
        if state not in "ZX":
            return True
    return False


def _word(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
