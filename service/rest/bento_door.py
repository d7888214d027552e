"""Between the front door and BentoML: what goes in is checked, what comes out has our shape."""

import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.error_table import Fault, fault_of, fault_of_status, unexpected
from service.rest.front import respond
from tidecast.errors import InvalidParameter
from tidecast.telemetry import get_logger

OWN_BODY = b'{"error":{'
"""How an error begins that has our shape already; BentoML's own hold a string there."""
_KEPT_HEADERS = (b"allow", b"retry-after")
_OURS = frozenset({"app", "router", "route", "endpoint", "path_params"})
"""Keys of our own routing that BentoML's must not find."""

log = get_logger("service")


class Reshaped:
    """BentoML's application with its error bodies turned into ours."""

    def __init__(self, bentoml: ASGIApp) -> None:
        self._bentoml = bentoml

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; pass the answer back unless it is an error of another shape."""
        if scope["type"] != "http":
            await self._bentoml(scope, receive, send)
            return
        held: Message | None = None
        body = b""

        async def reshape(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start" and message["status"] >= 400:
                held = message
            elif held is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                if body.startswith(OWN_BODY):
                    await send(held)
                    await send({"type": "http.response.body", "body": body})
                else:
                    await respond(_fault_behind(held), scope, receive, send)

        inner = {key: value for key, value in scope.items() if key not in _OURS}
        await self._bentoml(inner, receive, reshape)


class CheckedBody:
    """A door for one JSON body: refuses it before BentoML reads, and logs a traceback for, it.

    Args:
        app: where a good body goes.
        model: what the body must be.
        allowed: what each of its fields may be, in words.
    """

    def __init__(self, app: ASGIApp, model: type[BaseModel], allowed: Mapping[str, str]) -> None:
        self._app = app
        self._model = model
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read and check the body, then replay it."""
        fault = _wrong_type(scope)
        body = b"" if fault else await Request(scope, receive).body()
        fault = fault or self._fault(body)
        if fault is not None:
            await respond(fault, scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _fault(self, body: bytes) -> Fault | None:
        try:
            self._model.model_validate_json(body or b"{}")
        except ValidationError as error:
            return fault_of(self._invalid(error.errors(include_url=False)[0]))
        return None

    def _invalid(self, first: Any) -> InvalidParameter:
        field = str(first["loc"][0]) if first["loc"] else "body"
        known = list(self._allowed)
        if first["type"] == "extra_forbidden":
            return InvalidParameter(f"unknown field {field[:40]!r}", field=field, allowed=known)
        allowed = self._allowed.get(field, f"a JSON object with the fields {', '.join(known)}")
        return InvalidParameter(f"{field}: {first['msg']}", field=field, allowed=allowed)


def _fault_behind(start: Message) -> Fault:
    if start["status"] == 500:
        correlation_id = uuid.uuid4().hex
        log.error("bentoml_failed", correlation_id=correlation_id)
        return unexpected(correlation_id)
    kept = [
        (name.decode(), value.decode())
        for name, value in start["headers"]
        if name.lower() in _KEPT_HEADERS
    ]
    return fault_of_status(start["status"], kept)


def _wrong_type(scope: Scope) -> Fault | None:
    given = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    media_type = given.split(b";")[0].strip().lower()
    if media_type in (b"", b"application/json"):
        return None
    return Fault(
        415,
        "unsupported_media_type",
        "the body must be JSON",
        field="Content-Type",
        allowed="application/json",
    )
