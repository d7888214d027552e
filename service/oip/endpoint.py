"""POST of an inference, as a bare ASGI application: it is asked far more often than the rest."""

from starlette.types import Receive, Scope, Send

from service.oip.inference import Inference
from service.oip.rendering import InferenceRendering
from service.oip.request_body import HEADER_LENGTH, parse, wanted
from service.oip.signature import MODEL
from service.request_content import JSON, BodyReader

BINARY = "application/octet-stream"
_JSON_TYPE, _BINARY_TYPE = JSON.encode(), BINARY.encode()
_HEADER_LENGTH = HEADER_LENGTH.lower().encode()
_UNROUTED = {"model": MODEL}
"""What a path would tell whose request came without routing."""


class InferEndpoint:
    """Tensors in, tensors out.

    Args:
        max_body_bytes: largest body, after decoding.
    """

    def __init__(self, inference: Inference, max_body_bytes: int) -> None:
        self._inference = inference
        self._reader = BodyReader((JSON, BINARY), max_body_bytes)
        self._rendering = InferenceRendering()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what it raises goes through the one error table."""
        body = await self._reader.read(scope, receive)
        asked, tensors = parse(body, _header_length(scope))
        outputs = wanted(asked)
        path = scope.get("path_params", _UNROUTED)
        answer = self._inference.infer(path["model"], path.get("version", ""), tensors)
        rendered = self._rendering.body(answer, outputs, asked.id)
        headers = [(b"content-length", b"%d" % len(rendered.content))]
        if rendered.header_length is None:
            headers.append((b"content-type", _JSON_TYPE))
        else:
            headers.append((b"content-type", _BINARY_TYPE))
            headers.append((_HEADER_LENGTH, b"%d" % rendered.header_length))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": rendered.content})


def _header_length(scope: Scope) -> str | None:
    """How many bytes of the body are JSON; None when all are."""
    for name, value in scope["headers"]:
        if name == _HEADER_LENGTH:
            return str(value.decode("latin-1"))
    return None
