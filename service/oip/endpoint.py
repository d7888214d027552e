"""POST of an inference, as a bare ASGI application: it is asked far more often than the rest."""

from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from service.oip.inference import Inference
from service.oip.rendering import InferenceRendering
from service.oip.request_body import HEADER_LENGTH, parse, wanted
from service.oip.signature import MODEL

JSON = b"application/json"
BINARY = b"application/octet-stream"
_HEADER_LENGTH = HEADER_LENGTH.lower().encode()
_UNROUTED = {"model": MODEL}
"""What a path would tell whose request came without routing."""


class InferEndpoint:
    """Tensors in, tensors out. How long a body may be is for the connection to say."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._rendering = InferenceRendering()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what it raises goes through the one error table."""
        header_length = _read_headers(scope["headers"])
        body = await _read(receive)
        asked, tensors = parse(body, header_length)
        outputs = wanted(asked)
        path = scope.get("path_params", _UNROUTED)
        answer = self._inference.infer(path["model"], path.get("version", ""), tensors)
        rendered = self._rendering.body(answer, outputs, asked.id)
        headers = [(b"content-length", b"%d" % len(rendered.content))]
        if rendered.header_length is None:
            headers.append((b"content-type", JSON))
        else:
            headers.append((b"content-type", BINARY))
            headers.append((_HEADER_LENGTH, b"%d" % rendered.header_length))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": rendered.content})


def _read_headers(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """How much of the body is JSON; refuses what is neither JSON nor binary tensors."""
    header_length = None
    for name, value in headers:
        if name == _HEADER_LENGTH:
            header_length = value.decode("latin-1")
        elif name == b"content-type":
            if value.partition(b";")[0].strip().lower() not in (JSON, BINARY):
                raise HTTPException(415)
        elif name == b"content-encoding":
            raise HTTPException(415)
    return header_length


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
