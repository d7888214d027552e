"""The way to an API of BentoML: straight to it, past the server that BentoML puts around it.

BentoML still reads and checks the body, calls the method and makes the response. What it does
beside that - spans, a timer, several routers, a traceback in the log for each bad request - is left
out, and what it raises goes through the one error table.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.error_table import Fault
from service.rest.front import respond
from tidecast.errors import InvalidParameter

Api = Callable[[Request], Awaitable[Response]]
"""Answers a request; raises ValidationError of pydantic for a bad body."""


class BentoDoor:
    """A door to one API that takes a JSON body.

    Args:
        api: the API.
        allowed: what each field of the body may be, in words.
    """

    def __init__(self, api: Api, allowed: Mapping[str, str]) -> None:
        self._api = api
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            InvalidParameter: the body is not what it should be.
        """
        fault = _wrong_type(scope)
        if fault is not None:
            await respond(fault, scope, receive, send)
            return
        try:
            response = await self._api(Request(scope, receive))
        except ValidationError as error:
            raise self._invalid(error.errors(include_url=False)[0]) from None
        await response(scope, receive, send)

    def _invalid(self, first: Any) -> InvalidParameter:
        field = str(first["loc"][0]) if first["loc"] else "body"
        known = list(self._allowed)
        if first["type"] == "extra_forbidden":
            return InvalidParameter(f"unknown field {field[:40]!r}", field=field, allowed=known)
        allowed = self._allowed.get(field, f"a JSON object with the fields {', '.join(known)}")
        return InvalidParameter(f"{field}: {first['msg']}", field=field, allowed=allowed)


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
