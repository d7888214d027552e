"""The body of an HTTP request: its media type, its content coding and its size."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from service.refusals import BodyTooLarge, UnsupportedContentCoding, UnsupportedMediaType
from tidecast.errors import InvalidParameter

JSON = "application/json"
CONTENT_CODINGS = "gzip, identity"
GZIP_NAMES = ("gzip", "x-gzip")
_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
_SHOWN = 60
"""Most characters of a value that an error repeats."""


@dataclass(frozen=True)
class BodyReader:
    """Reads the bodies of one route.

    Attributes:
        media_types: accepted values of ``Content-Type``. A request without the header is read as
            the first one: clients of the Open Inference Protocol leave it out.
        max_bytes: largest body after decoding; the connection limits what is received.
    """

    media_types: tuple[str, ...]
    max_bytes: int

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body, decoded.

        Raises:
            UnsupportedMediaType: it has another media type.
            UnsupportedContentCoding: it has a coding other than gzip.
            BodyTooLarge: it is too large when decoded.
            InvalidParameter: it is not valid gzip.
            ClientDisconnect: the client is gone.
        """
        codings = self._check_headers(scope["headers"])
        body = await _receive_all(receive)
        return gunzip(body, self.max_bytes) if codings else body

    def _check_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
        """The content codings, ``identity`` left out: none or one of gzip."""
        codings: list[str] = []
        for name, value in headers:
            if name == b"content-type":
                self._check_media_type(value.decode("latin-1"))
            elif name == b"content-encoding":
                names = (part.strip().lower() for part in value.decode("latin-1").split(","))
                codings += [coding for coding in names if coding not in ("", "identity")]
        if len(codings) > 1 or (codings and codings[0] not in GZIP_NAMES):
            raise UnsupportedContentCoding(
                f"unsupported content coding {', '.join(codings)[:_SHOWN]!r}",
                field="Content-Encoding",
                allowed=CONTENT_CODINGS,
            )
        return codings

    def _check_media_type(self, value: str) -> None:
        media_type = value.partition(";")[0].strip()
        if media_type.lower() not in self.media_types:
            raise UnsupportedMediaType(
                f"unsupported media type {media_type[:_SHOWN]!r}",
                field="Content-Type",
                allowed=", ".join(self.media_types),
            )


async def _receive_all(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


MAX_MEMBERS = 16
"""Clients send one. Each further one copies what is left of the body."""


def gunzip(data: bytes, max_bytes: int) -> bytes:
    """Decode gzip of one or more members, never holding more than ``max_bytes`` + 1 of it.

    Raises:
        BodyTooLarge: there is more.
        InvalidParameter: it is not gzip, is damaged, or ends too early.
    """
    decoded = bytearray()
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(_GZIP_WINDOW_BITS)
        try:
            decoded += member.decompress(data, max_bytes + 1 - len(decoded))
        except zlib.error as error:
            raise _invalid_gzip(str(error)) from None
        if len(decoded) > max_bytes:
            raise BodyTooLarge(
                "the decoded body is too large",
                field="body",
                allowed=f"at most {max_bytes} bytes",
            )
        if not member.eof:
            raise _invalid_gzip("it ends too early")
        data = member.unused_data
        if not data:
            return bytes(decoded)
    raise _invalid_gzip(f"it has more than {MAX_MEMBERS} members")


def _invalid_gzip(reason: str) -> InvalidParameter:
    return InvalidParameter(
        f"the body is not valid gzip: {reason}",
        field="body",
        allowed="gzip as Content-Encoding says, or no Content-Encoding",
    )
