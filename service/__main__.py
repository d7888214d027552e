"""``python -m service``: check the settings, then run BentoML's worker without its supervisor.

Kubernetes, systemd and the like start anew what ends. BentoML's supervisor would hide from them
that the worker died, and hold the listening socket meanwhile: requests would hang in its queue
instead of being refused. What is left here of a supervisor is the parent, which passes signals on
and ends when the worker ends; it imports nothing, so that it weighs nothing.
"""

import os
import signal
import sys
from types import FrameType

BACKLOG = 2048
"""BentoML's default."""
KILLED_BY_SIGNAL = 128
"""What a shell adds to the number of the signal that ended a process."""


def main() -> int:
    """Exit code of the worker."""
    worker = os.fork()
    if worker == 0:
        # Ctrl-C reaches the parent alone, which passes it on: the worker would hear it twice.
        os.setpgid(0, 0)
        os._exit(_become_worker())

    passed_on = set()

    def pass_on(number: int, frame: FrameType | None) -> None:
        passed_on.add(number)
        os.kill(worker, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    _, status = os.waitpid(worker, 0)
    code = os.waitstatus_to_exitcode(status)
    if -code in passed_on:
        return 0  # uvicorn ends in good order, and then by the signal that told it to
    return code if code >= 0 else KILLED_BY_SIGNAL - code


def _become_worker() -> int:
    """Returns only when the settings are wrong or the port is taken."""
    from service.start_checks import checked_settings, listen
    from service.worker import ROOT, worker_command, worker_environment
    from tidecast.errors import ConfigurationError
    from tidecast.exit_codes import exit_code

    try:
        settings = checked_settings()
        listening = listen(settings.service.host, settings.service.port, "TIDECAST_SERVICE__PORT")
    except ConfigurationError as error:
        sys.stderr.write(f"service: {error}\n")
        sys.stderr.flush()
        return exit_code(error)
    environment = {**os.environ, **worker_environment(settings)}
    listening.set_inheritable(True)
    command = worker_command(listening.fileno(), BACKLOG)
    os.chdir(ROOT)
    os.execve(command[0], command, environment)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
