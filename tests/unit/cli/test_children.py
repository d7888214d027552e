import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.up import children
from cli.up.children import Child
from cli.up.ports import check_port_free


@pytest.fixture
def make_child(tmp_path):
    made = []

    def make(code, say=lambda message: None):
        child = Child(
            "worker",
            [sys.executable, "-c", code],
            cwd=tmp_path,
            logs_dir=tmp_path / "logs",
            variables={"CHILD_SAYS": "hello"},
            say=say,
        )
        made.append(child)
        return child

    yield make
    for child in made:
        child.stop()


def _wait(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_child_writes_its_log_and_gets_its_variables(make_child):
    child = make_child("import os; print(os.environ['CHILD_SAYS'], flush=True)")
    child.start()
    _wait(lambda: child.log.read_text() == "hello\n")


def test_child_that_dies_is_started_again_after_a_pause_and_this_is_said(make_child, monkeypatch):
    monkeypatch.setattr(children, "FIRST_PAUSE_SECONDS", 0.01)
    said = []
    child = make_child("print('life', flush=True); raise SystemExit(3)", said.append)
    child.start()
    _wait(lambda: child.watch() or child.log.read_text().count("life") == 2)
    assert "exit code 3" in said[0]
    assert "again" in said[1]


def test_child_that_keeps_dying_is_started_ever_more_rarely(make_child, monkeypatch):
    monkeypatch.setattr(children, "FIRST_PAUSE_SECONDS", 0.01)
    said = []
    child = make_child("raise SystemExit(3)", said.append)
    child.start()
    _wait(lambda: child.watch() or len(said) >= 6)
    assert ["0.01 s" in said[0], "0.02 s" in said[2], "0.04 s" in said[4]] == [True] * 3


def test_child_is_ended_with_sigterm(make_child):
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    child = make_child(code)
    child.start()
    _wait(lambda: "ready" in child.log.read_text())
    child.stop()
    assert child.log.read_text() == "ready\nbye\n"


def test_child_that_does_not_listen_is_killed(make_child, monkeypatch):
    monkeypatch.setattr(children, "GRACE_SECONDS", 0.1)
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    child = make_child(code)
    child.start()
    _wait(lambda: "ready" in child.log.read_text())
    started = time.monotonic()
    child.stop()
    assert time.monotonic() - started < 5


def test_child_left_behind_by_a_killed_parent_is_ended(make_child):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    lost = make_child(code)
    lost.start()
    _wait(lambda: lost.log.read_text())
    make_child(code).end_left_behind()
    assert lost._process.wait(5) == -signal.SIGKILL


HEAVY = """
import os, socket, time
memory = bytearray(600_000_000)
memory[::4096] = b"x" * len(memory[::4096])
server = socket.create_server(("127.0.0.1", 0))
print(os.getpid(), server.getsockname()[1], flush=True)
time.sleep(60)
"""


def test_port_of_a_child_left_behind_is_free_once_it_is_ended(make_child):
    """Its memory goes first, and with it the mark: the more memory, the later the port."""
    lost = make_child(HEAVY)
    lost.start()
    _wait(lambda: lost.log.read_text().endswith("\n"))
    port = int(lost.log.read_text().split()[1])
    make_child("pass").end_left_behind()
    check_port_free("127.0.0.1", port)


def test_child_of_a_child_that_hides_in_its_own_session_is_ended_too(make_child):
    code = (
        "import subprocess, sys, time\n"
        "inner = 'import time; time.sleep(60)'\n"
        "child = subprocess.Popen([sys.executable, '-c', inner], start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    child = make_child(code)
    child.start()
    _wait(lambda: child.log.read_text())
    pid = int(child.log.read_text())
    child.stop()
    _wait(lambda: not _alive(pid))


def test_process_without_the_mark_is_left_alone(make_child):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    make_child("pass").end_left_behind()
    assert other.poll() is None
    other.kill()
    other.wait()


def _alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
