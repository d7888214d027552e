"""One gRPC call, timed and told to Locust, which knows HTTP only."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import grpc
import grpc.experimental.gevent
from google.protobuf.message import Message
from locust.env import Environment

from loadtests.options import authorization, grpc_target
from loadtests.thresholds import SHED

DEADLINE_SECONDS = 5.0

# Without it the first call would block every user of the process.
grpc.experimental.gevent.init_gevent()


class Caller:
    """A connection of one user.

    Args:
        environment: where the calls are counted.
        kind: protocol that they are counted under.
    """

    def __init__(self, environment: Environment, kind: str) -> None:
        options = environment.parsed_options
        assert options is not None
        self._environment = environment
        self._kind = kind
        self._metadata = [(k.lower(), v) for k, v in authorization(options).items()]
        # One pool for all would be one connection for all users.
        own = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(grpc_target(options), options=own)

    def call(
        self, name: str, method: Callable[..., Any], request: Message, good: Callable[[Any], bool]
    ) -> None:
        """Call and count.

        Args:
            name: row in the statistics.
            method: of a stub.
            request: its message.
            good: whether a response is of the shape it should be.
        """
        error: Exception | None = None
        length = 0
        started = perf_counter()
        try:
            response = method(request, timeout=DEADLINE_SECONDS, metadata=self._metadata)
            length = response.ByteSize()
            error = None if good(response) else ValueError("a response of another shape")
        except grpc.RpcError as failure:
            code = failure.code()
            if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                name = SHED
            else:
                error = ConnectionError(f"{code.name}: {failure.details()}")
        self._environment.events.request.fire(
            request_type=self._kind,
            name=name,
            response_time=(perf_counter() - started) * 1000,
            response_length=length,
            exception=error,
            context={},
        )

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()
