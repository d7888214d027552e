"""The gRPC server inside the worker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event, Lock
from typing import Any

import grpc

from service.error_table import fault_of_status
from service.rpc.calls import Arrivals, Call
from service.rpc.credentials import credentials
from service.rpc.desk import Desk
from service.rpc.endpoints import Unknown
from service.rpc.faults import status_of
from service.rpc.key_pair import KeyPair
from service.rpc.streams import Streams
from tidecast.errors import ConfigurationError
from tidecast.settings import ServiceSettings

MIN_PING_SECONDS = 10.0
"""A client that pings more often without asking anything is cut off."""
MAX_PING_STRIKES = 2
KEEPALIVE_SECONDS = 60.0
"""After so much silence the server asks whether the client is still there."""
KEEPALIVE_TIMEOUT_SECONDS = 20.0

SHORTEST_HOLD_SECONDS = 0.25
"""Answers are held back at least so long: whoever asks one thing after another, four times a second
or more often, is waiting by then."""
QUIET_SECONDS = 0.05
"""Then until no call has come for so long, and for so long after that."""
LONGEST_HOLD_SECONDS = 0.5
LEAVING = status_of(
    replace(fault_of_status(503, (("Retry-After", "1"),)), message="this replica is going")
)


class _Handlers(grpc.GenericRpcHandler):
    """Finds the endpoint of a method. What the library takes for a behaviour takes a ``Call``."""

    def __init__(self, endpoints: Mapping[str, Callable[[Call], None]]) -> None:
        self._handlers = {f"/{name}": _handler(endpoint) for name, endpoint in endpoints.items()}
        self._unknown = _handler(Unknown())

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(details.method, self._unknown)


class RpcServer:
    """A gRPC server.

    Args:
        endpoints: what happens to a call, by ``package.Service/Method``.
        watchers: streams that end as soon as the server goes.
        health: streams that tell so first.
        desk: what they share.
        settings: address, limits, TLS.
        pair: certificate and key; None serves plain text.

    Attributes:
        desk: what the endpoints share.
        address: where it listens.
        port: the port of it, once it is open.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Callable[[Call], None]],
        watchers: Streams,
        health: Streams,
        desk: Desk,
        settings: ServiceSettings,
        pair: KeyPair | None = None,
    ) -> None:
        self._watchers = watchers
        self._health = health
        self._going = Lock()
        self._ended: Event | None = None
        self.desk = desk
        self._drain_seconds = settings.drain_seconds
        self.address = f"{_bracketed(settings.host)}:{settings.grpc_port}"
        self._pair = pair
        self._arrivals = Arrivals()
        self._server = grpc.server(self._arrivals, options=_options(settings))
        self._server.add_generic_rpc_handlers([_Handlers(endpoints)])

    def open(self) -> None:
        """Take connections, which wait for ``start``; clients with another server ask that.

        Raises:
            ConfigurationError: the port is taken, or the address is not ours.
        """
        try:
            if self._pair is None:
                self.port = self._server.add_insecure_port(self.address)
            else:
                self.port = self._server.add_secure_port(self.address, credentials(self._pair))
        except RuntimeError as error:
            raise ConfigurationError(
                f"TIDECAST_SERVICE__GRPC_PORT: cannot listen on {self.address}: "
                "stop what is there, or name another port"
            ) from error
        self.desk.start()

    def start(self) -> None:
        """Answer calls from now on, unless it is drained already."""
        with self._going:
            if self._ended is None:
                self._server.start()

    def drain(self) -> Event:
        """Send every client elsewhere, and lose no call; a second time it does nothing.

        From the moment on which the library stops, it drops calls that it has not handed over. So
        answers are held back a little before: whoever waits for one sends no next call, and learns
        with it that this connection takes no more.

        Returns:
            Event: is set when the calls in flight have ended.
        """
        with self._going:
            if self._ended is None:
                self._ended = self._go()
            return self._ended

    def _go(self) -> Event:
        self._health.wake()
        self._watchers.end(LEAVING)
        self.desk.memory.hold()
        self._wait_for_quiet()
        self._health.end(LEAVING)
        ended = self._server.stop(self._drain_seconds)
        time.sleep(QUIET_SECONDS)
        self.desk.memory.release()
        return ended

    def _wait_for_quiet(self) -> None:
        latest = time.monotonic() + LONGEST_HOLD_SECONDS
        time.sleep(SHORTEST_HOLD_SECONDS)
        before = -1
        while self._arrivals.count != before and time.monotonic() < latest:
            before = self._arrivals.count
            time.sleep(QUIET_SECONDS)

    def stop(self) -> None:
        """Drain unless that is done, and wait for the calls in flight."""
        self.drain().wait()
        self.desk.stop()


def _handler(endpoint: Callable[[Call], None]) -> Any:
    behaviour: Any = endpoint
    return grpc.unary_unary_rpc_method_handler(behaviour)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _options(settings: ServiceSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.max_body_bytes),
        ("grpc.max_metadata_size", settings.max_header_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_header_bytes),
        ("grpc.max_concurrent_streams", settings.max_watchers + settings.max_inflight_requests),
        ("grpc.max_connection_age_ms", _ms(settings.grpc_max_connection_age_seconds)),
        ("grpc.max_connection_age_grace_ms", _ms(settings.drain_seconds)),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(MIN_PING_SECONDS)),
        ("grpc.http2.max_ping_strikes", MAX_PING_STRIKES),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", _ms(KEEPALIVE_SECONDS)),
        ("grpc.keepalive_timeout_ms", _ms(KEEPALIVE_TIMEOUT_SECONDS)),
    ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
