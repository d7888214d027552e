import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitoring.trigger import Ended, LocalTrigger
from tidecast.errors import RetryLater
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
PATIENCE_SECONDS = 10.0

Make = Callable[..., LocalTrigger]


@pytest.fixture
def make_trigger(tmp_path: Path) -> Iterator[Make]:
    """A trigger whose training is a small Python program; it is ended after the test."""
    made: list[LocalTrigger] = []

    def make(program: str, timeout_seconds: float = 60.0, nice: int = 0) -> LocalTrigger:
        command = (sys.executable, "-S", "-c", program)
        trigger = LocalTrigger(
            tmp_path / "logs", nice=nice, timeout_seconds=timeout_seconds, command=command
        )
        made.append(trigger)
        return trigger

    yield make
    for trigger in made:
        trigger.close()


def wait(trigger: LocalTrigger) -> Ended:
    """The end of the training that runs."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        ended = trigger.poll()
        if ended:
            return ended[0]
        time.sleep(0.005)
    raise AssertionError("the training did not end")


def read_log(tmp_path: Path) -> str:
    return (tmp_path / "logs" / "training-BTC-USD-1h-w1.log").read_text()


def test_local_trigger_passes_market_reason_and_window(make_trigger: Make, tmp_path: Path) -> None:
    trigger = make_trigger("import sys; print(sys.argv[1:])")

    trigger.start(MARKET, "w1", "MASE 2 is above 1.5")
    wait(trigger)

    expected = ["--market", "BTC-USD:1h", "--reason", "MASE 2 is above 1.5", "--window", "w1"]
    assert read_log(tmp_path).strip() == str(expected)


def test_local_trigger_runs_one_training_at_a_time(make_trigger: Make) -> None:
    trigger = make_trigger("import time; time.sleep(60)")

    before = trigger.ready()
    trigger.start(MARKET, "w1", "r")

    assert (before, trigger.ready(), trigger.poll()) == (True, False, [])


def test_local_trigger_tells_an_end_once(make_trigger: Make) -> None:
    trigger = make_trigger("pass")
    trigger.start(MARKET, "w1", "r")

    ended = wait(trigger)

    assert (ended.market, ended.window, ended.code) == (MARKET, "w1", 0)
    assert trigger.poll() == []
    assert trigger.ready()


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("raise SystemExit(1)", 1, "exit code 1: an unexpected error"),
        (
            "raise SystemExit(64)",
            64,
            "exit code 64: a setting, key, permission or store is wrong",
        ),
        ("raise SystemExit(77)", 77, "exit code 77; log: "),
        ("import os; os.kill(os.getpid(), 9)", -9, "killed by SIGKILL"),
    ],
)
def test_local_trigger_says_how_a_training_ended(
    make_trigger: Make, program: str, code: int, said: str
) -> None:
    trigger = make_trigger(program)
    trigger.start(MARKET, "w1", "r")

    ended = wait(trigger)

    assert ended.code == code
    assert said in ended.detail


def test_local_trigger_ends_a_training_that_takes_too_long(make_trigger: Make) -> None:
    trigger = make_trigger("import time; time.sleep(60)", timeout_seconds=0.05)
    trigger.start(MARKET, "w1", "r")

    ended = wait(trigger)

    assert ended.code is None
    assert ended.detail.startswith("took longer than 0.05 s and was ended")
    assert trigger.ready()


def test_local_trigger_kills_a_training_that_does_not_end(
    make_trigger: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.trigger.GRACE_SECONDS", 0.1)
    trigger = make_trigger(
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True);"
        " time.sleep(60)"
    )
    trigger.start(MARKET, "w1", "r")
    until = time.monotonic() + PATIENCE_SECONDS
    while not read_log(tmp_path) and time.monotonic() < until:
        time.sleep(0.005)

    assert [ended.code for ended in trigger.close()] == [None]


def test_local_trigger_ends_the_children_of_a_training_too(
    make_trigger: Make, tmp_path: Path
) -> None:
    trigger = make_trigger(
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-S', '-c',"
        " 'import time; time.sleep(60)']); print(child.pid, flush=True); child.wait()"
    )
    trigger.start(MARKET, "w1", "r")
    until = time.monotonic() + PATIENCE_SECONDS
    while not read_log(tmp_path).endswith("\n") and time.monotonic() < until:
        time.sleep(0.005)

    trigger.close()

    status = Path(f"/proc/{read_log(tmp_path).strip()}/status")
    while status.exists() and "zombie" not in status.read_text() and time.monotonic() < until:
        time.sleep(0.005)
    assert not status.exists() or "zombie" in status.read_text()


def test_local_trigger_closes_without_a_training(make_trigger: Make) -> None:
    assert make_trigger("pass").close() == []


def test_local_trigger_tells_the_true_end_when_closed_after_it(make_trigger: Make) -> None:
    trigger = make_trigger("raise SystemExit(3)")
    trigger.start(MARKET, "w1", "r")
    assert trigger._running is not None
    trigger._running.process.wait()

    assert [ended.code for ended in trigger.close()] == [3]


def test_local_trigger_lowers_the_priority(make_trigger: Make) -> None:
    trigger = make_trigger("import time; time.sleep(60)", nice=19)

    trigger.start(MARKET, "w1", "r")

    assert trigger._running is not None
    assert os.getpriority(os.PRIO_PROCESS, trigger._running.process.pid) == 19


def test_local_trigger_raises_when_the_program_is_missing(tmp_path: Path) -> None:
    trigger = LocalTrigger(tmp_path, nice=0, timeout_seconds=1, command=("/no/such/program",))

    with pytest.raises(RetryLater, match="could not be started"):
        trigger.start(MARKET, "w1", "r")

    assert trigger.ready()
