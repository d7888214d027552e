"""`python -m monitoring`: watch all markets until SIGTERM or Ctrl-C.

Exit codes are those of tidecast/exit_codes.py: 0 after a signal, 64 when a setting is wrong.
"""

import os
import signal
import sys


def _leave(number: int, frame: object) -> None:
    os._exit(0)


if __name__ == "__main__":
    # First of all: as process 1 of a container it would be deaf to them while the rest is loaded.
    for _number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(_number, _leave)


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal; returns the exit code."""
    from monitoring.process import run_process

    return run_process(arguments)


if __name__ == "__main__":
    sys.exit(main())
