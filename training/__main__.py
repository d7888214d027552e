"""`python -m training`: one training of one market.

Exit codes are those of tidecast/exit_codes.py: 0 when the challenger was promoted or kept, 66 when
there are too few candles, 69 when the store or the registry is away, 64 when a person must act,
65 when the fit was refused, 130 when it was asked to end, 1 for a fault of Tidecast itself.
"""

import os
import signal
import sys

INTERRUPTED = 130


def _leave(number: int, frame: object) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    # First of all: as process 1 of a container it would be deaf to it while the rest is loaded.
    signal.signal(signal.SIGTERM, _leave)


def main(arguments: list[str] | None = None) -> int:
    """Train once; returns the exit code."""
    from training.process import run_process

    return run_process(arguments)


if __name__ == "__main__":
    sys.exit(main())
