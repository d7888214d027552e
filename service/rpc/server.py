"""The gRPC server inside the worker."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc

from service.rpc.calls import Arrivals, Call
from service.rpc.credentials import KeyPair, credentials
from service.rpc.desk import Desk
from service.rpc.endpoints import Unknown
from tidecast.errors import ConfigurationError
from tidecast.settings import ServiceSettings

MIN_PING_SECONDS = 10.0
"""A client that pings more often without asking anything is cut off."""
MAX_PING_STRIKES = 2
KEEPALIVE_SECONDS = 60.0
"""After so much silence the server asks whether the client is still there."""
KEEPALIVE_TIMEOUT_SECONDS = 20.0


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
        desk: what they share.
        settings: address, limits, TLS.
        pair: certificate and key; None serves plain text.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Callable[[Call], None]],
        desk: Desk,
        settings: ServiceSettings,
        pair: KeyPair | None = None,
    ) -> None:
        self._desk = desk
        self._drain_seconds = settings.drain_seconds
        self.address = f"{_bracketed(settings.host)}:{settings.grpc_port}"
        self._pair = pair
        self._server = grpc.server(Arrivals(), options=_options(settings))
        self._server.add_generic_rpc_handlers([_Handlers(endpoints)])

    def start(self) -> None:
        """Answer calls from now on.

        Raises:
            ConfigurationError: the port is taken, or the address is not ours.
        """
        try:
            if self._pair is None:
                self._server.add_insecure_port(self.address)
            else:
                self._server.add_secure_port(self.address, credentials(self._pair))
        except RuntimeError as error:
            raise ConfigurationError(
                f"TIDECAST_SERVICE__GRPC_PORT: cannot listen on {self.address}: "
                "stop what is there, or name another port"
            ) from error
        self._desk.start()
        self._server.start()

    def stop(self) -> None:
        """Take no new call, and give those in flight their time."""
        self._server.stop(self._drain_seconds).wait()
        self._desk.stop()


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
