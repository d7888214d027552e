"""The gRPC server inside the worker."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc

from service.rpc.methods import Method, Service

THREADS = 4


class RpcServer:
    """A gRPC server over services.

    Args:
        services: what it answers.
        address: where to listen, ``host:port``.
        drain_seconds: how long calls in flight may take to end when it is stopped.
    """

    def __init__(self, services: Sequence[Service], address: str, drain_seconds: float) -> None:
        self._address = address
        self._drain_seconds = drain_seconds
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="grpc")
        options = [("grpc.so_reuseport", 0)]
        self._server = grpc.server(pool, options=options)
        self._server.add_generic_rpc_handlers([_handlers(service) for service in services])

    def start(self) -> None:
        """Answer calls from now on."""
        self._server.add_insecure_port(self._address)
        self._server.start()

    def stop(self) -> None:
        """Take no new call, and give those in flight their time."""
        self._server.stop(self._drain_seconds).wait()


def _handlers(service: Service) -> grpc.GenericRpcHandler:
    handlers = {name: _handler(method) for name, method in service.methods.items()}
    return grpc.method_handlers_generic_handler(service.name, handlers)


def _handler(method: Method) -> "grpc.RpcMethodHandler[bytes, bytes]":
    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        return method.answer(method.parse(request))

    return grpc.unary_unary_rpc_method_handler(answer)
