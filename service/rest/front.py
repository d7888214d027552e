"""The front door: every HTTP request passes here first, BentoML's too.

It counts requests by route template, turns every error into the one body shape, and hands what
is not REST to BentoML. It stands outside BentoML's own stack because that stack keeps a timer
and its context for seconds after each answer and labels its metrics with raw paths.
"""

import uuid
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.error_table import Fault, fault_of, fault_of_status, unexpected
from service.metrics import count_request
from service.oip.faults import error_body, is_inference_path
from tidecast.telemetry import get_logger

UNROUTED = "other"
"""Route label of what no template knows."""

log = get_logger("service")


class Front:
    """The outermost ASGI application.

    Args:
        routes: the routes answered here.
        bentoml: the rest, and the lifespan.
    """

    def __init__(self, routes: list[BaseRoute], bentoml: ASGIApp) -> None:
        self._bentoml = bentoml
        self._router = Router(routes, redirect_slashes=False, default=bentoml)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the lifespan on."""
        if scope["type"] != "http":
            await self._bentoml(scope, receive, send)
            return
        started = perf_counter()
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        scope["app"] = self
        try:
            await self._router(scope, receive, noted)
        except Exception as error:
            fault = _fault(error)
            if status == 0:
                await respond(fault, scope, receive, noted)
        finally:
            route = scope.get("route")
            template = UNROUTED if route is None else route.path
            count_request(template, scope["method"], status, perf_counter() - started)


async def respond(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a fault as the answer, in the shape that its path has."""
    headers = dict(fault.headers)
    body = error_body(fault) if is_inference_path(scope["path"]) else fault.body()
    response = Response(body, fault.status, headers, media_type="application/json")
    await response(scope, receive, send)


def _fault(error: Exception) -> Fault:
    if isinstance(error, HTTPException):
        return fault_of_status(error.status_code, tuple((error.headers or {}).items()))
    fault = fault_of(error)
    if fault is None:
        correlation_id = uuid.uuid4().hex
        log.error("unexpected_error", correlation_id=correlation_id, exc_info=error)
        return unexpected(correlation_id)
    return fault
