"""The guarded connection under a real uvicorn, over real sockets."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import uvicorn
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.admission import Admission
from service.messages import ErrorAnswer
from service.oip.messages import InferenceError
from service.rest.connection import MAX_PIPELINED, GuardedProtocol
from service.rest.front import Front
from service.rest.guard import Guard
from tidecast.settings import ServiceSettings

LIMIT = 2
HEAD_BYTES = 2048
BODY_BYTES = 4096
SLOW_SECONDS = 0.4
PATIENCE_SECONDS = 20
BIG = b"x" * 30_000_000


class Site:
    """A running server whose answers wait until they are let go."""

    def __init__(self) -> None:
        settings = ServiceSettings(
            max_header_bytes=HEAD_BYTES,
            max_body_bytes=BODY_BYTES,
            slow_client_seconds=SLOW_SECONDS,
        )
        self.admission = Admission(LIMIT)
        self.asked: list[str] = []
        self._wires: list[Wire] = []
        self.go = threading.Event()
        routes = [
            Route("/now", self.now, methods=["GET", "POST"]),
            Route("/wait", self.wait, methods=["GET", "POST"]),
            Route("/echo", self.echo, methods=["POST"]),
            Route("/big", self.big),
            Route("/livez", self.now),
            Route("/v2/health/live", self.now),
        ]
        protocol: Any = partial(GuardedProtocol, Guard(self.admission, settings))
        config = uvicorn.Config(
            Front(routes, self._no_lifespan),
            port=0,
            http=protocol,
            log_config=None,
            lifespan="off",
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        _until(lambda: self._server.started)
        self.address = self._server.servers[0].sockets[0].getsockname()

    async def _no_lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("everything ends at the front door")

    async def now(self, request: Request) -> Response:
        self.asked.append(request.url.query)
        return Response(b"now")

    async def wait(self, request: Request) -> Response:
        self.asked.append(request.url.query)
        while not self.go.is_set():
            await asyncio.sleep(0.005)
        return Response(b"waited")

    async def echo(self, request: Request) -> Response:
        return Response(await request.body())

    async def big(self, request: Request) -> Response:
        return Response(BIG)

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    def connect(self) -> "Wire":
        wire = Wire(socket.create_connection(self.address, timeout=PATIENCE_SECONDS))
        self._wires.append(wire)
        return wire

    def occupy(self, count: int) -> list["Wire"]:
        """Take so many places, each with a request that waits."""
        wires = [self.connect() for _ in range(count)]
        for wire in wires:
            wire.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
        _until(lambda: self.admission.inflight == count)
        return wires

    def close(self) -> None:
        self.go.set()
        for wire in self._wires:
            wire.shutdown()
        self._server.should_exit = True
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


class Wire:
    """A client that sends bytes and reads responses."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._read = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, data: bytes, head_only: bool = False) -> "Reply":
        self.send(data)
        return self.reply(head_only)

    def reply(self, head_only: bool = False) -> "Reply":
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = 0 if head_only else int(headers["content-length"])
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return Reply(int(status.split(" ")[1]), headers, body)

    def is_closed(self) -> bool:
        """Whether the server ends the connection, with nothing more to say."""
        try:
            return self._socket.recv(65536) == b""
        except ConnectionError:
            return True

    def drain(self) -> int:
        """Reads to the end; how many bytes came."""
        count = 0
        try:
            while chunk := self._socket.recv(1 << 20):
                count += len(chunk)
        except ConnectionError:
            pass
        return count

    def shutdown(self) -> None:
        self._socket.close()

    def _more(self) -> None:
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionError(f"closed after {self._read!r}")
        self._read += chunk


class Reply:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/json"
        return ErrorAnswer.model_validate_json(self.body).error.code


def _until(done: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site()
    yield running
    running.close()


# Heads


def test_head_within_the_limit_is_read(site: Site) -> None:
    head = b"GET /now HTTP/1.1\r\nhost: x\r\nx: " + b"y" * (HEAD_BYTES - 50) + b"\r\n\r\n"
    assert site.connect().ask(head).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /now HTTP/1.1\r\nhost: x\r\nx: " + b"y" * HEAD_BYTES + b"\r\n\r\n",
        b"GET /now?" + b"y" * HEAD_BYTES + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /now HTTP/1.1\r\nhost: x\r\n" + b"a:b\r\n" * (HEAD_BYTES // 4) + b"\r\n",
        b"GET /now HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 102_400,
    ],
    ids=["value", "url", "many", "endless"],
)
def test_large_head_is_refused(site: Site, head: bytes) -> None:
    wire = site.connect()
    for start in range(0, len(head), 1000):
        wire.send(head[start : start + 1000])
    reply = wire.reply()
    assert (reply.status, reply.code) == (431, "header_too_large")
    assert reply.headers["connection"] == "close"
    assert json.loads(reply.body)["error"]["allowed"] == f"at most {HEAD_BYTES} bytes"
    assert wire.is_closed()
    assert site.asked == []


def test_limit_of_heads_holds_for_each_alone(site: Site) -> None:
    one = b"GET /now HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 1000 + b"\r\n\r\n"
    wire = site.connect()
    for start in range(0, 10 * len(one), 700):
        wire.send((10 * one)[start : start + 700])
    assert [wire.reply().status for _ in range(10)] == [200] * 10


# Bodies


def test_body_within_the_limit_arrives(site: Site) -> None:
    body = b"z" * BODY_BYTES
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert site.connect().ask(head + body).body == body


def test_long_body_is_refused_by_its_head(site: Site) -> None:
    wire = site.connect()
    reply = wire.ask(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 200000000\r\n\r\n")
    assert (reply.status, reply.code) == (413, "body_too_large")
    assert reply.headers["connection"] == "close"
    wire.send(b"z" * 1_000_000)
    assert wire.is_closed()


def test_client_that_sends_a_long_body_without_waiting_sees_why(site: Site) -> None:
    wire = site.connect()
    wire.send(
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 20000000\r\n\r\n" + b"z" * 20_000_000
    )
    assert wire.reply().status == 413


@pytest.mark.parametrize("path", [b"/echo", b"/now", b"/nothing"])
def test_long_chunked_body_is_refused_on_its_way(site: Site, path: bytes) -> None:
    wire = site.connect()
    wire.send(b"POST " + path + b" HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"400\r\n" + b"z" * 1024 + b"\r\n"
    for _ in range(5):
        wire.send(chunk)
    statuses = {wire.reply().status}
    assert statuses <= {413, 200, 404}
    assert statuses == {413} or path != b"/echo"
    assert wire.drain() < 1000
    _until(lambda: site.admission.inflight == 0)


def test_refused_body_is_counted_once(site: Site) -> None:
    refused = partial(
        _count, "tidecast_http_requests_total", route="refused", method="other", status="413"
    )
    answered = partial(
        _count, "tidecast_http_requests_total", route="/echo", method="POST", status="413"
    )
    before, answered_before = refused(), answered()
    wire = site.connect()
    wire.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    assert wire.ask(b"2000\r\n" + b"z" * 8192 + b"\r\n").status == 413
    assert (refused(), answered()) == (before + 1, answered_before)


# Slow clients


@pytest.mark.parametrize(
    "begun",
    [
        b"G",
        b"GET /now HTTP/1.1\r\nhost: x\r\nx: y",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123",
    ],
)
def test_slow_request_is_cut_off(site: Site, begun: bytes) -> None:
    wire = site.connect()
    reply = wire.ask(begun)
    assert (reply.status, reply.code) == (408, "request_timeout")
    assert wire.is_closed()
    _until(lambda: site.admission.inflight == 0)


def test_trickling_head_is_cut_off(site: Site) -> None:
    wire = site.connect()
    wire.send(b"GET /now HTTP/1.1\r\nhost: x\r\n")
    started = time.monotonic()
    with pytest.raises(ConnectionError):
        while time.monotonic() - started < PATIENCE_SECONDS:
            wire.send(b"a: b\r\n")
            time.sleep(SLOW_SECONDS / 4)
    assert site.connections == 0


@pytest.mark.parametrize("junk", [b"", b"\r\n\r\n"])
def test_connection_without_a_request_is_closed(site: Site, junk: bytes) -> None:
    wire = site.connect()
    wire.send(junk)
    assert wire.is_closed()


def test_junk_behind_an_answer_keeps_no_connection_open(site: Site) -> None:
    wire = site.connect()
    assert wire.ask(b"GET /now HTTP/1.1\r\nhost: x\r\n\r\n").status == 200
    wire.send(b"\r\n")
    assert wire.is_closed()


def test_slow_answer_is_not_the_clients_fault(site: Site) -> None:
    (wire,) = site.occupy(1)
    time.sleep(4 * SLOW_SECONDS)
    site.go.set()
    assert wire.reply().body == b"waited"


def test_body_that_waits_behind_a_slow_answer_is_not_the_clients_fault(site: Site) -> None:
    wire = site.connect()
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % BODY_BYTES
    wire.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n" + head)
    _until(lambda: site.admission.inflight == 1)
    wire.send(b"z" * BODY_BYTES)
    time.sleep(4 * SLOW_SECONDS)
    site.go.set()
    assert [wire.reply().body for _ in range(2)] == [b"waited", b"z" * BODY_BYTES]


def test_client_that_takes_no_answer_is_cut_off(site: Site) -> None:
    wire = site.connect()
    wire.send(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n")
    _until(lambda: site.connections == 1)
    _until(lambda: site.connections == 0)
    assert wire.drain() < len(BIG)
    assert site.admission.inflight == 0


# Places


def test_request_without_a_place_is_refused_at_once(site: Site) -> None:
    waiting = site.occupy(LIMIT)
    shed = partial(_count, "tidecast_shed_requests_total", protocol="http")
    counted = partial(
        _count, "tidecast_http_requests_total", route="shed", method="GET", status="429"
    )
    before, counted_before = shed(), counted()
    wire = site.connect()
    for _ in range(3):
        reply = wire.ask(b"GET /now HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (reply.status, reply.code) == (429, "overloaded")
        assert reply.headers["retry-after"] == "1"
        assert "date" in reply.headers
    assert (shed(), counted()) == (before + 3, counted_before + 3)
    site.go.set()
    assert [wire.reply().status for wire in waiting] == [200] * LIMIT
    assert wire.ask(b"GET /now HTTP/1.1\r\nhost: x\r\n\r\n").status == 200


def test_refused_head_request_has_no_body(site: Site) -> None:
    site.occupy(LIMIT)
    wire = site.connect()
    assert wire.ask(b"HEAD /now HTTP/1.1\r\nhost: x\r\n\r\n", head_only=True).status == 429
    reply = wire.ask(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (reply.status, reply.body) == (200, b"now")


@pytest.mark.parametrize(
    "parts",
    [
        [b"content-length: 5\r\n\r\n12345"],
        [b"content-length: 5\r\n\r\n", b"12", b"345"],
        [b"transfer-encoding: chunked\r\n\r\n", b"5\r\n12345\r\n", b"0\r\n\r\n"],
    ],
)
def test_refused_request_with_a_body_keeps_its_connection(site: Site, parts: list[bytes]) -> None:
    site.occupy(LIMIT)
    wire = site.connect()
    for _ in range(3):
        wire.send(b"POST /now HTTP/1.1\r\nhost: x\r\n" + parts[0])
        reply = wire.reply()
        assert (reply.status, reply.headers.get("connection")) == (429, None)
        for part in parts[1:]:
            time.sleep(0.01)
            wire.send(part)
    assert wire.ask(b"GET /livez?behind HTTP/1.1\r\nhost: x\r\n\r\n").status == 200


def test_pipelined_request_that_is_refused_later_loses_its_body_too(site: Site) -> None:
    (first,) = site.occupy(1)
    wire = site.connect()
    wire.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
    _until(lambda: site.admission.inflight == LIMIT)
    wire.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4000\r\n\r\n" + b"1" * 2000)
    first.shutdown()
    site.admission.limit = 0
    site.go.set()
    assert wire.reply().status == 200
    assert wire.reply().status == 429
    wire.send(b"1" * 2000)
    assert wire.ask(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").status == 200


def test_refused_request_whose_body_may_not_come_ends_its_connection(site: Site) -> None:
    site.occupy(LIMIT)
    wire = site.connect()
    reply = wire.ask(
        b"POST /now HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"
    )
    assert (reply.status, reply.headers["connection"]) == (429, "close")
    assert wire.is_closed()


def test_refused_request_whose_body_is_too_large_ends_its_connection(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.occupy(LIMIT)
    wire = site.connect()
    wire.send(b"POST /now HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    assert wire.reply().status == 429
    wire.send(b"%x\r\n" % (2 * BODY_BYTES) + b"x" * 2 * BODY_BYTES + b"\r\n")
    assert wire.is_closed()
    assert caplog.records == []


@pytest.mark.parametrize(
    "head",
    [b"GET /now HTTP/1.0\r\n\r\n", b"GET /now HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"],
)
def test_refused_request_that_wants_no_other_is_closed(site: Site, head: bytes) -> None:
    site.occupy(LIMIT)
    wire = site.connect()
    reply = wire.ask(head)
    assert (reply.status, reply.headers["connection"]) == (429, "close")
    assert wire.is_closed()


def test_refusal_below_v2_has_the_shape_of_the_protocol(site: Site) -> None:
    site.occupy(LIMIT)
    reply = site.connect().ask(b"GET /v2/models/tidecast?x=1 HTTP/1.1\r\nhost: x\r\n\r\n")
    assert reply.status == 429
    assert InferenceError.model_validate_json(reply.body).code == "overloaded"


@pytest.mark.parametrize("path", [b"/livez", b"/livez?x=1", b"/v2/health/live"])
def test_probes_need_no_place(site: Site, path: bytes) -> None:
    site.occupy(LIMIT)
    reply = site.connect().ask(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (reply.status, site.admission.inflight) == (200, LIMIT)


def test_pipelined_requests_hold_one_place_and_are_answered_in_order(site: Site) -> None:
    site.occupy(LIMIT - 1)
    wire = site.connect()
    wire.send(b"".join(b"GET /now?%d HTTP/1.1\r\nhost: x\r\n\r\n" % i for i in range(20)))
    assert [wire.reply().status for _ in range(20)] == [200] * 20
    assert site.asked[LIMIT - 1 :] == [str(i) for i in range(20)]
    assert site.admission.inflight == LIMIT - 1


def test_pipelined_requests_without_a_place_are_refused_in_order(site: Site) -> None:
    (first,) = site.occupy(1)
    wire = site.connect()
    wire.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
    _until(lambda: site.admission.inflight == LIMIT)
    wire.send(
        b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n" + b"GET /now HTTP/1.1\r\nhost: x\r\n\r\n" * 9
    )
    refused = site.connect()
    refused.send(b"GET /now HTTP/1.1\r\nhost: x\r\n\r\n" * 10)
    assert [refused.reply().status for _ in range(10)] == [429] * 10
    site.go.set()
    assert [wire.reply().status for _ in range(11)] == [200] * 11
    assert first.reply().status == 200


def test_too_many_pipelined_requests_end_the_connection_behind_the_last(site: Site) -> None:
    site.go.set()
    wire = site.connect()
    wire.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n" * 500)
    replies = [wire.reply() for _ in range(MAX_PIPELINED + 1)]
    assert {reply.status for reply in replies} == {200}
    assert replies[-1].headers["connection"] == "close"
    assert wire.is_closed()


def test_place_is_given_back_when_the_client_goes_away(site: Site) -> None:
    for wire in site.occupy(LIMIT):
        wire.shutdown()
    _until(lambda: site.connections == 0)
    assert site.admission.inflight == LIMIT, "the work goes on, and so it counts"
    site.go.set()
    _until(lambda: site.admission.inflight == 0)


def test_place_is_given_back_when_a_body_never_comes(site: Site) -> None:
    wire = site.connect()
    wire.send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n1")
    _until(lambda: site.admission.inflight == 1)
    wire.shutdown()
    _until(lambda: site.admission.inflight == 0)


# What is not HTTP/1.1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /now HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n",
        b"GET /now HTTP/9.9\r\n\r\n",
        b"GET /n\xff\xfew HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["tls", "header", "version", "path", "length", "lengths", "chunk", "http2"],
)
def test_malformed_request_gets_the_one_body_shape(
    site: Site, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    wire = site.connect()
    with caplog.at_level(logging.WARNING):
        reply = wire.ask(garbage)
        assert (reply.status, reply.code) == (400, "bad_request")
        assert reply.headers["connection"] == "close"
        assert wire.is_closed()
    assert caplog.records == []
    _until(lambda: site.admission.inflight == 0)


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_upgrade_is_answered_as_if_it_had_not_been_asked(
    site: Site, protocol: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    wire = site.connect()
    head = (
        b"GET /now HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: " + protocol + b"\r\n\r\n"
    )
    with caplog.at_level(logging.WARNING):
        reply = wire.ask(head + b"\x81\x05hello")
        assert (reply.status, reply.body) == (200, b"now")
        assert reply.headers["connection"] == "close"
        assert wire.is_closed()
    assert caplog.records == []


def test_malformed_request_behind_a_good_one_waits_for_its_answer(site: Site) -> None:
    refused = partial(
        _count, "tidecast_http_requests_total", route="refused", method="other", status="400"
    )
    before = refused()
    (wire,) = site.occupy(1)
    wire.send(b"BROKEN\r\n\r\n")
    _until(lambda: refused() == before + 1)
    site.go.set()
    assert wire.reply().body == b"waited"
    reply = wire.reply()
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert wire.is_closed()


@pytest.mark.parametrize(
    "refused",
    [
        b"GET http:// HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /now HTTP/1.1\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2000\r\n"
        + b"z" * 0x2000,
    ],
    ids=["target", "host", "method", "length", "chunk"],
)
def test_refused_request_is_answered_behind_all_before_it(site: Site, refused: bytes) -> None:
    (wire,) = site.occupy(1)
    wire.send(b"GET /now HTTP/1.1\r\nhost: x\r\n\r\n" * 2 + refused)
    time.sleep(SLOW_SECONDS / 4)
    site.go.set()
    assert [wire.reply().body for _ in range(3)] == [b"waited", b"now", b"now"]
    assert wire.reply().status in (400, 413, 501)
    assert wire.is_closed()
    _until(lambda: site.admission.inflight == 0)
