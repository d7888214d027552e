"""What strangers ask leaves nothing behind: neither memory nor metrics."""

import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REQUESTS = 100_000
CONNECTIONS = 4
BATCH = 25
GROWTH_BYTES = 8 * 1024 * 1024
"""What an allocator may keep of a busy minute; a kilobyte a request would be six times as much."""
_HEAD = re.compile(rb"HTTP/1\.1 404 [^\r]*\r\n(?:[^\r]+\r\n)*?content-length: (\d+)\r\n", re.I)


def _get(name: str) -> bytes:
    return f"GET /{name}?{name} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


def _post(name: str) -> bytes:
    head = f"POST /{name} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return f'{head}content-length: 20\r\n\r\n{{"symbol":"BTC-USD"}}'.encode()


def _worker_memory(supervisor: int) -> int:
    """Resident bytes of the worker of a ``bentoml serve``."""
    found = subprocess.run(
        ["pgrep", "-P", str(supervisor), "-f", "worker"], capture_output=True, text=True, check=True
    )
    (worker,) = found.stdout.split()
    resident = int(Path(f"/proc/{worker}/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE")


def _ask(address: tuple[str, int], request: Callable[[str], bytes], count: int) -> int:
    """Ask for so many random paths over one connection; how many 404 came."""
    missing = 0
    with socket.create_connection(address, timeout=120) as connection:
        for _ in range(count // BATCH):
            connection.sendall(b"".join(request(os.urandom(8).hex()) for _ in range(BATCH)))
            missing += _read(connection, BATCH)
    return missing


def _read(connection: socket.socket, count: int) -> int:
    read, seen, start = b"", 0, 0
    while seen < count:
        head = _HEAD.search(read, start)
        end = read.find(b"\r\n\r\n", start)
        if head is None or end < 0 or len(read) < end + 4 + int(head[1]):
            chunk = connection.recv(1 << 20)
            assert chunk, f"closed behind {seen} answers: {read[-200:]!r}"
            read += chunk
            continue
        start = end + 4 + int(head[1])
        seen += 1
    return seen


def _ask_much(server, request: Callable[[str], bytes], count: int) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    missing: list[int] = []

    def ask() -> None:
        missing.append(_ask((host, int(port)), request, count // CONNECTIONS))

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(missing) == count


@pytest.mark.parametrize("request_of", [_get, _post])
def test_random_paths_leave_neither_memory_nor_metrics(server, request_of) -> None:
    server.get("/metrics")
    _ask_much(server, request_of, 2_000)
    series = _series(server)
    memory = _worker_memory(server.process.pid)
    _ask_much(server, request_of, REQUESTS // 2)
    assert _series(server) == series
    assert _worker_memory(server.process.pid) < memory + GROWTH_BYTES


def _series(server) -> list[str]:
    """Names and labels of the metrics of HTTP."""
    lines = server.get("/metrics").text.splitlines()
    return [line.rsplit(" ", 1)[0] for line in lines if line.startswith("tidecast_http_")]
