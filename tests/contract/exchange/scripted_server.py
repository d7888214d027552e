"""A scripted HTTP server on loopback: it plays good pages, bad pages and broken connections."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

START = datetime(2025, 3, 29, tzinfo=UTC)
"""Time of the server: a day before summer time begins in Europe."""


def at(seconds: int) -> datetime:
    """Seconds since 1970 as a time."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Reply:
    """One scripted answer; ``content`` is sent as JSON unless it is bytes."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    date: datetime | str | None = None
    fault: str = ""


@dataclass
class Asked:
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class ScriptedServer:
    """Plays ``script`` first, one reply a request, and then asks ``play``."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.scripted = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.reset()

    def reset(self) -> None:
        self.now = START
        self.asked: list[Asked] = []
        self.script: deque[Reply] = deque()
        self.play: Callable[[Asked], Reply] = lambda asked: Reply({"message": "?"}, status=500)
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        scripted = self.server.scripted
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(parts.path, query, dict(self.headers))
        scripted.asked.append(asked)
        reply = scripted.script.popleft() if scripted.script else scripted.play(asked)
        try:
            self._send(reply, scripted)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, reply: Reply, scripted: ScriptedServer) -> None:
        body = reply.content
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if reply.fault == "silence":
            scripted.stopped.wait(0.5)
            self.close_connection = True
            return
        head = self._head(reply, body, scripted)
        if reply.fault == "drip headers":
            return self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200, scripted)
        if reply.fault == "drip body":
            self.wfile.write(head)
            return self._drip(body, scripted)
        if reply.fault in ("cut body", "reset"):
            self.wfile.write(head + body[: len(body) // 2])
            if reply.fault == "reset":  # linger of zero sends RST instead of FIN
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            return
        self.wfile.write(head + body)

    def _head(self, reply: Reply, body: bytes, scripted: ScriptedServer) -> bytes:
        date = scripted.now if reply.date is None else reply.date
        if isinstance(date, datetime):
            date = format_datetime(date, usegmt=True)
        headers = {"Date": date, "Content-Length": str(len(body)), **reply.headers}
        lines = [f"{name}: {value}\r\n" for name, value in headers.items() if value]
        return (f"HTTP/1.1 {reply.status} X\r\n" + "".join(lines) + "\r\n").encode()

    def _drip(self, content: bytes, scripted: ScriptedServer) -> None:
        self.close_connection = True
        for i in range(len(content)):
            self.wfile.write(content[i : i + 1])
            if scripted.stopped.wait(0.02):
                return

    def log_message(self, format: str, *args: object) -> None:
        pass
