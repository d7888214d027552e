"""The front door: every HTTP request passes here first, BentoML's too.

It asks for the API key, counts requests by route template and turns every error into the one body
shape. It stands outside BentoML's own stack because that stack keeps a timer and its context for
seconds after each answer and labels its metrics with raw paths. What no route knows ends here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api_keys import Doorkeeper
from service.error_table import Fault, fault_for_caller, fault_of_status
from service.metrics import count_request
from service.oip.faults import error_body, is_inference_path
from service.rest.cors import CorsPolicy

STATUS = "tidecast.status"
"""Key in the scope: the status of an answer that has begun."""
UNROUTED = "other"
"""Route label of what no template knows."""
KEYLESS = frozenset({"/", "/livez", "/readyz", "/metrics", "/openapi.json"})
"""Answered without an API key, as are the health routes of the inference protocol."""
KEYLESS_BELOW = "/v2/health/"


@dataclass(frozen=True)
class Shortcut:
    """The way to what is asked so often that routing would cost most of the answer.

    Attributes:
        template: route label.
        app: finds the application that answers.
    """

    template: str
    app: Callable[[], ASGIApp]


class Front:
    """The outermost ASGI application.

    Args:
        routes: all that is answered.
        bentoml: gets the lifespan.
        shortcuts: by method and path; for requests without a query.
        doorkeeper: checks the key before anything but a CORS preflight.
        cors: which origins may read the answers, those of errors too.
    """

    def __init__(
        self,
        routes: list[BaseRoute],
        bentoml: ASGIApp,
        shortcuts: Mapping[tuple[str, str], Shortcut] | None = None,
        doorkeeper: Doorkeeper | None = None,
        cors: CorsPolicy | None = None,
    ) -> None:
        self._bentoml = bentoml
        self._router = Router(routes, redirect_slashes=False, default=_nothing_here)
        self._shortcuts = dict(shortcuts or {})
        self._doorkeeper = doorkeeper or Doorkeeper()
        self._app = self._answer if cors is None else cors.wrap(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the lifespan on."""
        if scope["type"] != "http":
            await self._bentoml(scope, receive, send)
            return
        started = perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope[STATUS] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            if status := scope.get(STATUS):
                template = self._template(scope)
                count_request(template, scope["method"], status, perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        shortcut = self._shortcuts.get((scope["method"], scope["path"]))
        try:
            if self._doorkeeper.asks:
                self._ask_for_key(scope)
            if shortcut and not scope["query_string"]:
                await shortcut.app()(scope, receive, send)
            else:
                scope["app"] = self  # Starlette then raises its errors instead of answering them
                await self._router(scope, receive, send)
        except ClientDisconnect:
            pass
        except Exception as error:
            fault = _fault(error)
            if STATUS not in scope:
                await respond(fault, scope, receive, send)

    def _template(self, scope: Scope) -> str:
        if shortcut := self._shortcuts.get((scope["method"], scope["path"])):
            return shortcut.template
        route = scope.get("route")
        return UNROUTED if route is None else str(route.path)

    def _ask_for_key(self, scope: Scope) -> None:
        path = scope["path"]
        if path in KEYLESS or path.startswith(KEYLESS_BELOW):
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        self._doorkeeper.check(None if given is None else given.decode("latin-1"))


async def respond(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a fault as the answer, in the shape that its path has."""
    headers = dict(fault.headers)
    body = error_body(fault) if is_inference_path(scope["path"]) else fault.body()
    response = Response(body, fault.status, headers, media_type="application/json")
    await response(scope, receive, send)


def _fault(error: Exception) -> Fault:
    if isinstance(error, HTTPException):
        return fault_of_status(error.status_code, tuple((error.headers or {}).items()))
    return fault_for_caller(error)


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404)
