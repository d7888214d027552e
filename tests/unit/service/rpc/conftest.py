"""A gRPC server over a board that the test fills, in this process."""

import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_status import rpc_status

from service.admission import Admission
from service.api_keys import Doorkeeper
from service.proto import forecast_pb2_grpc
from service.rpc.assembly import build_server
from service.rpc.server import RpcServer
from service.snapshot import Snapshot
from tidecast.settings import ServiceSettings
from tidecast.store import Store
from tidecast.timeframes import Market


class Rpc:
    """A running server with its parts."""

    def __init__(self, board, plane, **settings: Any) -> None:
        self.board = board
        self.plane = plane
        self.admission = Admission(settings.get("max_inflight_requests", 64))
        known = {**ServiceSettings().model_dump(), "grpc_port": 0, **settings}
        self.settings = ServiceSettings.model_construct(**known)
        self.doorkeeper = Doorkeeper(self.settings.api_keys)
        self.server = self.another(self.settings.grpc_port)
        self.server.open()
        self.server.start()
        self.address = f"127.0.0.1:{self.server.port}"
        self._opened = ExitStack()

    def another(self, port: int = 0) -> RpcServer:
        """A server of the same parts, not open yet."""
        settings = self.settings.model_copy(update={"grpc_port": port})
        server = build_server(settings, self.plane, self.board, self.admission, self.doorkeeper)
        assert server is not None
        return server

    def channel(self, *options: tuple[str, Any]) -> grpc.Channel:
        """A connection of its own."""
        own = ("grpc.use_local_subchannel_pool", 1)
        channel = grpc.insecure_channel(self.address, options=[own, *options])
        return self._opened.enter_context(channel)

    def stub(self) -> forecast_pb2_grpc.ForecastServiceStub:
        return forecast_pb2_grpc.ForecastServiceStub(self.channel())

    def health(self) -> health_pb2_grpc.HealthStub:
        return health_pb2_grpc.HealthStub(self.channel())

    def close(self) -> None:
        self._opened.close()
        self.server.stop()


@pytest.fixture
def serve(board, plane) -> Iterator[Callable[..., Rpc]]:
    """Starts servers; takes service settings."""
    with ExitStack() as running:

        def start(**settings: Any) -> Rpc:
            rpc = Rpc(board, plane, **{"drain_seconds": 0.5, **settings})
            running.callback(rpc.close)
            return rpc

        yield start


@pytest.fixture
def publish(board, market, snapshot) -> Callable[..., Snapshot]:
    """Serves a forecast whose cutoff is so many hours after that of the first one."""

    def make(hours: int = 0, version: str = "7", market: Market = market) -> Snapshot:
        cutoff = snapshot.forecast.cutoff + timedelta(hours=hours)
        forecast = replace(snapshot.forecast, cutoff=cutoff, model_version=version, market=market)
        made = replace(snapshot, logged=replace(snapshot.logged, forecast=forecast))
        board.serve(market, made)
        return made

    return make


@pytest.fixture
def rpc(serve, market, snapshot) -> Rpc:
    """A server with a forecast of BTC-USD."""
    running = serve()
    running.board.serve(market, snapshot)
    return running


class Raw:
    """An HTTP/2 client that may do wrong; it speaks in single frames.

    Args:
        address: ``host:port``.
        window: bytes of each answer that the server may send unasked.
    """

    DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
    END_STREAM, ACK, END_HEADERS = 1, 1, 4

    def __init__(self, address: str, window: int = 65535) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.frame(self.SETTINGS, 0, 0, struct.pack(">HI", 4, window))
        self._read = b""

    def frame(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
        self.socket.sendall(head + payload)

    def headers(self, stream: int, method: str, **more: str) -> None:
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": f"/{method}",
            ":authority": "test",
            "te": "trailers",
            "content-type": "application/grpc",
            **more,
        }
        block = b"".join(
            b"\0" + bytes((len(text),)) + text + bytes((len(value),)) + value
            for text, value in ((k.encode(), v.encode()) for k, v in fields.items())
        )
        self.frame(self.HEADERS, self.END_HEADERS, stream, block)

    def message(self, stream: int, content: bytes, flags: int = END_STREAM) -> None:
        self.frame(self.DATA, flags, stream, b"\0" + struct.pack(">I", len(content)) + content)

    def read(self) -> tuple[int, int, int, bytes] | None:
        """The next frame (kind, flags, stream, payload); None when the server has hung up."""
        while True:
            if len(self._read) >= 9:
                length = int.from_bytes(self._read[:3], "big")
                if len(self._read) >= 9 + length:
                    head, payload = self._read[:9], self._read[9 : 9 + length]
                    self._read = self._read[9 + length :]
                    return head[3], head[4], int.from_bytes(head[5:9], "big"), payload
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                return None
            self._read += more

    def until(self, *kinds: int, stream: int) -> tuple[int, bytes]:
        """The next frame of a stream that is of one of these kinds: its kind and payload."""
        while (frame := self.read()) is not None:
            if frame[2] == stream and frame[0] in kinds:
                return frame[0], frame[3]
        raise AssertionError("the server has hung up")

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def raw() -> Iterator[Callable[..., Raw]]:
    """Opens raw connections."""
    with ExitStack() as opened:

        def connect(address: str, window: int = 65535) -> Raw:
            client = Raw(address, window)
            opened.callback(client.close)
            return client

        yield connect


def wait_until(happened: Callable[[], Any], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits until something is true."""
    return wait_until


@pytest.fixture
def details() -> Callable[[grpc.RpcError], dict[str, Any]]:
    """The details of an error by the name of their message."""

    def unpack(error: Any) -> dict[str, Any]:
        status = rpc_status.from_call(error)
        unpacked = {}
        for packed in status.details:
            name = packed.TypeName().rpartition(".")[2]
            unpacked[name] = getattr(error_details_pb2, name)()
            packed.Unpack(unpacked[name])
        return unpacked

    return unpack


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    """The store that the data plane reads."""
    with Store(f"sqlite:///{tmp_path / 'tidecast.db'}") as opened:
        yield opened


@pytest.fixture
def errors(caplog) -> Iterator[Callable[[], list[Any]]]:
    """What was logged so far at level error and above, ours and that of libraries."""
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as ours:

        def logged() -> list[Any]:
            theirs = [line for line in caplog.records if line.levelno >= logging.ERROR]
            return theirs + [line for line in ours if line["log_level"] in ("error", "critical")]

        yield logged
