"""Cross-origin requests (CORS): the web pages of which origins may read the answers."""

from collections.abc import Iterable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from service.oip.request_body import HEADER_LENGTH

Header = tuple[bytes, bytes]
ANY_ORIGIN = "*"
METHODS = ("GET", "HEAD", "POST")
REQUEST_HEADERS = (
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "If-None-Match",
    HEADER_LENGTH,
)
"""What a page may send beyond the headers that browsers always allow."""
EXPOSED_HEADERS = (
    "Accept-Encoding",
    "Allow",
    "Content-Encoding",
    "Date",
    "ETag",
    HEADER_LENGTH,
    "Retry-After",
    "WWW-Authenticate",
)
"""What a page may read beyond the headers that browsers always show."""
VARY = (b"vary", b"Origin")


class CorsPolicy:
    """One rule for answers of the application and for those written below it.

    Browsers send no cookies or other credentials along; an API key in ``Authorization`` is none.

    Args:
        origins: ``https://host``, with a port if it is not the scheme's own, or ``*``; without any
            no header of CORS is sent.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = tuple(origins)
        self._allowed = frozenset(origin.encode() for origin in origins)
        exposed = ", ".join(EXPOSED_HEADERS).encode()
        self._exposed = (b"access-control-expose-headers", exposed)

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The application with preflights answered before it, and headers on its answers."""
        if not self._origins:
            return app
        return CORSMiddleware(
            app,
            allow_origins=self._origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=EXPOSED_HEADERS,
        )

    def headers(self, request_headers: Iterable[Header]) -> list[Header]:
        """The headers for an answer that the middleware does not see."""
        if not self._origins:
            return []
        origin = next((value for name, value in request_headers if name == b"origin"), None)
        if origin is None:
            return [VARY]
        if ANY_ORIGIN in self._origins:
            return [(b"access-control-allow-origin", b"*"), self._exposed, VARY]
        if origin in self._allowed:
            return [(b"access-control-allow-origin", origin), self._exposed, VARY]
        return [VARY]
