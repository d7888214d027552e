"""``python -m service``: run BentoML's worker without its supervisor.

Kubernetes, systemd and the like start anew what ends. BentoML's supervisor would hide from them
that the worker died, and hold the listening socket meanwhile: requests would hang in its queue
instead of being refused. What is left here of a supervisor is the parent, which passes signals on
and ends when the worker ends; it imports nothing, so that it weighs nothing.
"""

import os
import signal
import sys
from types import FrameType

KILLED_BY_SIGNAL = 128
"""What a shell adds to the number of the signal that ended a process."""


def main() -> int:
    """Exit code of the worker."""
    command = [sys.executable, "-m", "service.worker"]
    # Ctrl-C reaches the parent alone, which passes it on: the worker would hear it twice.
    worker = os.posix_spawn(command[0], command, os.environ, setpgroup=0)
    passed_on = set()

    def pass_on(number: int, frame: FrameType | None) -> None:
        passed_on.add(number)
        os.kill(worker, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    _, status = os.waitpid(worker, 0)
    _end_group(worker)
    code = os.waitstatus_to_exitcode(status)
    if -code in passed_on:
        return 0  # uvicorn ends in good order, and then by the signal that told it to
    return code if code >= 0 else KILLED_BY_SIGNAL - code


def _end_group(worker: int) -> None:
    """End who kept the worker's memory."""
    try:  # noqa: SIM105 - it would take an import
        os.killpg(worker, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    sys.exit(main())
