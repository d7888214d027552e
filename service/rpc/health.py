"""``grpc.health.v1``: SERVING while at least one market is ready.

The servicer of the library holds a lock while it sends: one client that watches and does not read
stops every check. Here a watch is a stream like any other.
"""

from collections.abc import Callable, Sequence

from grpc_health.v1 import health_pb2 as pb

from service.refusals import UnknownService
from service.rpc.methods import Method, Service
from service.rpc.streams import Source

NAME = "grpc.health.v1.Health"
WATCH = f"{NAME}/Watch"
OVERALL = ""


class Health:
    """Answers checks and watches.

    Args:
        services: names of the services, all of the same health.
        ready: whether the process can answer.
    """

    def __init__(self, services: Sequence[str], ready: Callable[[], bool]) -> None:
        self._services = (OVERALL, *services)
        self._ready = ready

    def service(self) -> Service:
        """The unary method."""
        check = Method(pb.HealthCheckRequest.FromString, self.check, exempt=True)
        return Service(NAME, {"Check": check})

    def check(self, request: pb.HealthCheckRequest) -> bytes:
        """The health of one service.

        Raises:
            UnknownService: there is none of this name.
        """
        if request.service not in self._services:
            raise UnknownService(
                f"no service {request.service[:40]!r}", field="service", allowed=self._services
            )
        return self._now().SerializeToString()

    def watch(self, request: bytes) -> Source:
        """The health of one service, and each change of it."""
        known = pb.HealthCheckRequest.FromString(request).service in self._services
        unknown = pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVICE_UNKNOWN)
        told: bytes | None = None

        def news() -> bytes | None:
            nonlocal told
            now = (self._now() if known else unknown).SerializeToString()
            before, told = told, now
            return None if now == before else now

        return news

    def _now(self) -> pb.HealthCheckResponse:
        served = pb.HealthCheckResponse.SERVING if self._ready() else None
        return pb.HealthCheckResponse(status=served or pb.HealthCheckResponse.NOT_SERVING)
