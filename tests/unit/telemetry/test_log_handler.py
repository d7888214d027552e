import errno
import io
import logging
import os

import pytest

from tidecast.log_handler import REPORT_SECONDS, LogHandler


class Disk(io.StringIO):
    """A log on a disk that may be full."""

    name = "/logs/up.log"
    full = True

    def flush(self):
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Log:
    def __init__(self, reports):
        self.disk = Disk()
        self.reports = reports
        self.now = 1000.0
        self.handler = LogHandler(self.disk, reports, lambda: self.now)

    def write(self, message, *arguments):
        self.handler.handle(logging.LogRecord("x", 20, "x.py", 1, message, arguments, None))


@pytest.fixture
def log():
    return Log(io.StringIO())


def test_full_disk_is_reported_once_a_minute_in_one_line(log):
    for _ in range(51):
        log.write("lost")
    assert log.reports.getvalue() == (
        "error: /logs/up.log: [Errno 28] No space left on device: 1 log lines not written so far\n"
    )
    log.now += REPORT_SECONDS
    log.write("lost")
    second = log.reports.getvalue().splitlines()[1:]
    assert ["52 log lines" in line for line in second] == [True]


def test_log_is_written_again_when_there_is_room(log):
    log.write("lost")
    log.disk.full = False
    log.write("kept")
    assert log.disk.getvalue().splitlines()[-1] == "kept"
    assert len(log.reports.getvalue().splitlines()) == 1


def test_full_disk_of_the_reports_too_raises_nothing():
    log = Log(Disk())
    log.write("lost")
    assert "No space left" in log.reports.getvalue()


def test_mistake_in_a_log_call_still_shows_where_it_is(log, capsys):
    log.write("%d candles", "many")
    assert "--- Logging error ---" in capsys.readouterr().err
    assert log.reports.getvalue() == ""
