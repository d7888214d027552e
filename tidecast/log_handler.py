"""Writes log lines, and says once a minute when they cannot be written."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

REPORT_SECONDS = 60.0


class LogHandler(logging.StreamHandler[TextIO]):
    """Stream handler that survives a full disk quietly; it writes again when there is room.

    Args:
        stream: where to write.
        reports: gets one line a minute while the stream cannot be written; None means stderr.
        read_seconds: a monotonic clock, seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        reports: TextIO | None = None,
        read_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._reports = reports or sys.stderr
        self._read_seconds = read_seconds
        self._report_at = float("-inf")
        self._unwritten = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Count a line that the stream did not take; other errors are shown as logging does."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._unwritten += 1
        now = self._read_seconds()
        if now < self._report_at:
            return
        name = getattr(self.stream, "name", "the log")
        line = f"error: {name}: {error}: {self._unwritten} log lines not written so far\n"
        # The reports may share the full disk.
        with contextlib.suppress(OSError):
            self._reports.write(line)
            self._reports.flush()
        self._report_at = now + REPORT_SECONDS
