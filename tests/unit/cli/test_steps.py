import errno
import io
import threading
import time

import pytest
from rich.console import Console

from cli.up import steps
from cli.up.steps import Steps, Stopped


@pytest.fixture
def written():
    return io.StringIO()


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def made(written, stop):
    return Steps(Console(file=written, soft_wrap=True), stop)


def test_step_says_that_it_begins_and_how_it_ended(made, written):
    with made.step("Fetching") as step:
        step.tell("3 of 5 [odd]")
    first, last = written.getvalue().splitlines()
    assert first.strip() == "Fetching"
    assert last.startswith("✓ Fetching: 3 of 5 [odd] (0.")


def test_long_step_is_never_silent(made, written, monkeypatch):
    monkeypatch.setattr(steps, "TICK_SECONDS", 0.01)
    with made.step("Training") as step:
        step.tell("fitting")
        time.sleep(0.08)
    assert written.getvalue().count("… Training: fitting") >= 2


def test_long_step_speaks_at_least_every_five_seconds():
    assert steps.TICK_SECONDS < 5


def test_step_that_fails_is_marked(made, written):
    with pytest.raises(ZeroDivisionError), made.step("Training"):
        raise ZeroDivisionError
    assert written.getvalue().splitlines()[-1].startswith("✗ Training")


def test_step_ends_when_the_person_stops(made, stop):
    stop.set()
    with pytest.raises(Stopped), made.step("Training") as step:
        step.tell("fitting")


class Broken(io.StringIO):
    def __init__(self, number):
        super().__init__()
        self._number = number

    def flush(self):
        raise OSError(self._number, "broken")


def test_line_that_a_full_disk_does_not_take_ends_nothing(stop):
    Steps(Console(file=Broken(errno.ENOSPC)), stop).say("lost")


def test_line_that_fails_for_another_reason_is_an_error(stop):
    with pytest.raises(OSError, match="broken"):
        Steps(Console(file=Broken(errno.EIO)), stop).say("lost")
