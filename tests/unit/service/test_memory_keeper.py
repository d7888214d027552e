"""A killed process hangs up before its memory is given back."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.worker import ROOT

MEMORY_BYTES = 64 * 2**20
SERVER = f"""
import socket, threading, time
from service.memory_keeper import start_memory_keeper

keeper = start_memory_keeper()
listening = socket.create_server(("127.0.0.1", 0))
memory = bytearray(b"x") * {MEMORY_BYTES}
for _ in range(20):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print(keeper, listening.getsockname()[1], flush=True)
connection, _ = listening.accept()
connection.sendall(b"taken")
time.sleep(60)
"""


@dataclass
class Killable:
    process: "subprocess.Popen[str]"
    keeper: int
    connection: socket.socket

    def kill(self) -> None:
        self.process.kill()
        self.connection.settimeout(10)
        assert self.connection.recv(1) == b""


@pytest.fixture
def server() -> Iterator[Killable]:
    if sys.platform != "linux":
        pytest.skip("only Linux has it")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    keeper, port = map(int, process.stdout.readline().split())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        # A connection that nobody has taken yet is reset, not ended.
        assert connection.recv(5) == b"taken"
        yield Killable(process, keeper, connection)
    os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()


def test_connection_of_a_killed_process_ends_while_its_memory_is_still_there(
    server: Killable,
) -> None:
    server.kill()
    assert _resident_bytes(server.keeper) > MEMORY_BYTES


def test_keeper_sleeps_through_every_signal_but_the_last(server: Killable) -> None:
    os.kill(server.keeper, signal.SIGTERM)
    os.kill(server.keeper, signal.SIGINT)
    assert server.process.poll() is None
    server.kill()
    assert _resident_bytes(server.keeper) > MEMORY_BYTES


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
