"""`python -m ingestion`: one run over all markets, or over those named.

Exit codes are those of tidecast/exit_codes.py: 0 when every market had a source that answered,
69 when waiting may cure it, 64 when a person must act, for example when no source knows a market;
the other markets are ingested all the same. 130 when it was asked to end.
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
    """Run once; returns the exit code."""
    from ingestion.process import run_process

    return run_process(arguments)


if __name__ == "__main__":
    sys.exit(main())
