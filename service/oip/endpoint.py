"""POST of an inference, as a bare ASGI application: it is asked far more often than the rest."""

from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from service.oip.inference import Inference
from service.oip.rendering import InferenceRendering
from service.oip.request_body import HEADER_LENGTH, parse, wanted

JSON = b"application/json"
BINARY = b"application/octet-stream"
_HEADER_LENGTH = HEADER_LENGTH.lower().encode()


class InferEndpoint:
    """Tensors in, tensors out.

    Args:
        max_body_bytes: longest body that is read.
    """

    def __init__(self, inference: Inference, max_body_bytes: int) -> None:
        self._inference = inference
        self._rendering = InferenceRendering()
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what it raises goes through the one error table."""
        header_length = _read_headers(scope["headers"])
        body = await _read(receive, self._max_body_bytes)
        asked, tensors = parse(body, header_length)
        outputs = wanted(asked)
        path = scope["path_params"]
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


async def _read(receive: Receive, most: int) -> bytes:
    chunks: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400)
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > most:
            raise HTTPException(413, headers={"Connection": "close"})
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
