"""Routes of the protocol over HTTP."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.dataplane import DataPlane
from service.messages import dump
from service.oip.endpoint import InferEndpoint
from service.oip.inference import Inference
from service.oip.messages import (
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
    model_metadata,
)
from service.oip.signature import EXTENSIONS, MODEL
from tidecast import __version__

JSON = "application/json"
INFER = "/v2/models/{model}/infer"


class InferenceRest:
    """The endpoints.

    Args:
        max_body_bytes: largest body of a request, after decoding.

    Attributes:
        infer: answers ``INFER``; unrouted requests too.
    """

    def __init__(self, plane: DataPlane, max_body_bytes: int) -> None:
        self._inference = Inference(plane)
        self.infer = InferEndpoint(self._inference, max_body_bytes)

    def routes(self) -> list[BaseRoute]:
        """All routes, the most asked first; each of a model also for one version."""
        model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
        return [
            Route(INFER, self.infer, methods=["POST"]),
            Route(f"{version}/infer", self.infer, methods=["POST"]),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            Route(f"{model}/ready", self.model_ready),
            Route(f"{version}/ready", self.model_ready),
            Route(model, self.model),
            Route(version, self.model),
            Route("/v2", self.server),
        ]

    async def live(self, request: Request) -> Response:
        """The process answers."""
        return Response(dump(ServerLive(live=True)), media_type=JSON)

    async def ready(self, request: Request) -> Response:
        """Whether a market can be served."""
        ready = self._inference.ready()
        return Response(dump(ServerReady(ready=ready, live=True)), _status(ready), media_type=JSON)

    async def server(self, request: Request) -> Response:
        """What this server is."""
        metadata = ServerMetadata(name=MODEL, version=__version__, extensions=list(EXTENSIONS))
        return Response(dump(metadata), media_type=JSON)

    async def model(self, request: Request) -> Response:
        """What the model takes and gives."""
        self._inference.check_model(*_model(request))
        return Response(dump(model_metadata(self._inference.versions())), media_type=JSON)

    async def model_ready(self, request: Request) -> Response:
        """Whether the model, or one version of it, serves."""
        self._inference.check_model(*_model(request))
        ready = self._inference.ready()
        return Response(dump(ModelReady(name=MODEL, ready=ready)), _status(ready), media_type=JSON)


def _model(request: Request) -> tuple[str, str]:
    return request.path_params["model"], request.path_params.get("version", "")


def _status(ready: bool) -> int:
    return 200 if ready else 503
