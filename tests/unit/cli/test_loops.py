import threading

import pytest

from cli.up import loops
from cli.up.loops import Loops


@pytest.fixture
def stop():
    return threading.Event()


def test_loop_that_fails_is_said_and_started_again(stop, monkeypatch):
    monkeypatch.setattr(loops, "FIRST_PAUSE_SECONDS", 0.01)
    said, lives = [], []

    def loop(stop):
        lives.append(1)
        if len(lives) == 3:
            stop.set()
            return
        raise ZeroDivisionError("oops")

    made = Loops(stop, said.append)
    made.start("monitoring", loop)
    made.join()
    assert len(lives) == 3
    assert [line.endswith("s: oops") for line in said] == [True, True]


def test_loops_end_when_they_are_stopped(stop):
    made = Loops(stop, print)
    for name in ("a", "b"):
        made.start(name, lambda stop: stop.wait(30))
    stop.set()
    made.join()
    assert not any(thread.is_alive() for thread in made._threads)
