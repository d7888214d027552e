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
from starlette.types import Message, Receive, Scope, Send

from service.request_content import JSON, BodyReader
from tidecast.errors import InvalidParameter

Api = Callable[[Request], Awaitable[Response]]
"""Answers a request; raises ValidationError of pydantic for a bad body."""


class BentoDoor:
    """A door to one API that takes a JSON body.

    Args:
        api: the API.
        allowed: what each field of the body may be, in words.
        max_body_bytes: largest body, after decoding.
    """

    def __init__(self, api: Api, allowed: Mapping[str, str], max_body_bytes: int) -> None:
        self._api = api
        self._reader = BodyReader((JSON,), max_body_bytes)
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            CallerError: the body is not what it should be.
        """
        body = await self._reader.read(scope, receive)

        async def give_body() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            response = await self._api(Request(scope, give_body))
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
