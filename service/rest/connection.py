"""Bounds what one client's connection can cost, before any application sees its request.

BentoML starts uvicorn itself and hands it no limits, so the class that reads HTTP is replaced. The
new one extends uvicorn's own; what it refuses it answers itself, with bytes that are made once.
"""

import re
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, NoReturn

import httptools
import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.metrics import count_request
from service.rest.canned import CannedRefusal
from service.rest.cors import Header
from service.rest.guard import Guard
from tidecast.telemetry import get_logger

LINGER_SECONDS = 1.0
"""What a refused client still sends is thrown away for so long. A connection that is closed while
bytes come in is reset, and the client does not see why."""
MAX_PIPELINED = 32
"""Requests that may wait on one connection for those before them."""
UNLIMITED = frozenset({b"/livez", b"/readyz", b"/metrics"})
"""Answered over the limit of requests in flight, as are the health routes of inference."""
UNLIMITED_BELOW = b"/v2/health/"
HTTP_VERSIONS = ("1.1", "1.0")
HOST = re.compile(rb"(?:\[[\w:.%~-]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?", re.ASCII)
"""``uri-host [ ":" port ]`` of RFC 9112, section 3.2; a host may be empty."""
MAX_HOST_BYTES = 260
"""A name of DNS has at most 253, a colon and a port six more."""
SHED_ROUTE, REFUSED_ROUTE = "shed", "refused"
"""Route labels of what never reached a route."""

log = get_logger("service")


def install(guard: Guard) -> None:
    """Guard every HTTP connection that uvicorn accepts in this process from now on."""
    protocols: dict[str, Any] = uvicorn.config.HTTP_PROTOCOLS
    protocols["auto"] = partial(GuardedProtocol, guard)


class _Stop(Exception):
    """Ends the parsing of what was refused."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection.

    Args:
        guard: the limits, and what all connections share.
        arguments: those of uvicorn.
        options: those of uvicorn.
    """

    def __init__(self, guard: Guard, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ws_protocol_class = None
        self.url = b""
        self._guard = guard
        self._requests = 0
        self._head_open = False
        self._complete = True
        self._head_bytes = self._head_chunk_bytes = self._body_bytes = 0
        self._hosts: list[bytes] = []
        self._body_too_large = False
        self._shed = False
        self._deaf = False
        self._last_refusal: CannedRefusal | None = None
        self._owed: tuple[str, int] | None = None
        self._owed_since = 0.0

    # What comes in

    def connection_made(self, transport: Any) -> None:
        """Begin, and be watched for slowness."""
        super().connection_made(transport)
        connections: Any = self.connections
        self._guard.watch(self.loop, connections)

    def data_received(self, data: bytes) -> None:
        """Parse what came; it may hold parts of many requests."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        in_body = not self._head_open and not self._complete
        first = self._requests + (not self._head_open)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._listen_no_more()
        except httptools.HttpParserError as error:
            if not self._deaf:
                bad_target = isinstance(error, httptools.HttpParserInvalidURLError)
                self._refuse(self._guard.bad_target if bad_target else self._guard.malformed)
        else:
            if self._head_open and first == self._requests and not in_body:
                self._count_head_chunk(len(data))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._requests += 1
        if self._deaf:
            raise _Stop
        self._head_open, self._complete, self._shed = True, False, False
        self._hosts, self._body_too_large = [], False
        self._head_bytes = self._head_chunk_bytes = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request line."""
        self.url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a body.

        A trailer is only counted: proxies that check or remove headers do not see it, so it must
        not become one (RFC 9110, section 6.5.1).
        """
        self._count_head(len(name) + len(value) + len(b": \r\n"))
        if not self._head_open:
            return
        name = name.lower()
        self.headers.append((name, value))
        if name == b"host":
            self._hosts.append(value)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        elif name == b"content-length":
            self._body_too_large = int(value) > self._guard.max_body_bytes

    def on_headers_complete(self) -> None:
        """Start to answer, or queue the request behind those that are not answered yet."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._listen_no_more()
            raise _Stop
        self._check_head()
        if self._is_answering() or self._guard.has_place() or _is_unlimited(self.url):
            super().on_headers_complete()
            self._head_open = False
            return
        self._head_open, self._shed = False, True
        parser = self.parser
        keep_alive = parser.should_keep_alive() and parser.get_http_version() != "1.0"
        stay = keep_alive and self._body_comes_anyway()
        self._write_shed(parser.get_method().decode("ascii"), self.url, self.headers, stay)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._guard.max_body_bytes:
            self._stop(self._guard.body_too_large)
        if not self._shed:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here as a whole."""
        self._complete = True
        if not self._shed:
            super().on_message_complete()

    def _check_head(self) -> None:
        """Refuse a head that RFC 9112 does not allow; an absolute target becomes a path."""
        version = self.parser.get_http_version()
        if version not in HTTP_VERSIONS:
            self._stop(self._guard.wrong_version)
        hosts = self._hosts
        if (hosts or version == "1.1") and not (len(hosts) == 1 and _is_host(hosts[0])):
            self._stop(self._guard.bad_host)
        if self.parser.get_method() == b"CONNECT":
            self._stop(self._guard.no_tunnel)
        if not self.url.startswith(b"/"):
            self.url = self._origin_form()
        if self._body_too_large:
            self._stop(self._guard.body_too_large)

    def _origin_form(self) -> bytes:
        """The path and query of a target that is a URL, or the ``*`` of OPTIONS."""
        if self.url == b"*" and self.parser.get_method() == b"OPTIONS":
            return self.url
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            self._stop(self._guard.bad_target)
        if (url.schema or b"").lower() not in (b"http", b"https") or not url.host or url.userinfo:
            self._stop(self._guard.bad_target)
        path = url.path or b"/"
        return path if url.query is None else b"%b?%b" % (path, url.query)

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > self._guard.max_header_bytes:
            self._stop(self._guard.head_too_large)

    def _count_head_chunk(self, count: int) -> None:
        """Count a chunk that is all of one head: the parser hands on a header only at its end."""
        self._head_chunk_bytes += count
        if self._head_chunk_bytes > self._guard.max_header_bytes:
            self._refuse(self._guard.head_too_large)

    # Places

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Begin to answer if there is a place; uvicorn calls this once a request, in order."""
        scope = cycle.scope
        if _is_unlimited(scope["raw_path"]):
            super()._start_asgi_task(cycle, app)
        elif self._guard.try_enter():
            super()._start_asgi_task(cycle, self._answer_in_place)
        else:
            cycle.response_started = cycle.response_complete = True
            stay = cycle.keep_alive
            if cycle is self.cycle and not self._complete:
                self._shed = True
                stay = stay and self._body_comes_anyway()
            self._write_shed(scope["method"], scope["raw_path"], scope["headers"], stay)

    async def _answer_in_place(self, scope: Any, receive: Any, send: Any) -> None:
        """The application; it gives its place back when it ends, however that is."""
        try:
            await self.app(scope, receive, send)
        finally:
            self._guard.admission.leave()

    def on_response_complete(self) -> None:
        """Go on with the next request, after the application of this one has given its place."""
        if self.pipeline:
            self.loop.call_soon(self._start_next)
        else:
            self._start_next()

    def _start_next(self) -> None:
        """Start the next request, or refuse the last one now that its turn has come."""
        if self._last_refusal is None or self.pipeline:
            super().on_response_complete()
        elif not self.transport.is_closing():
            self._write_last(self._last_refusal)

    def _body_comes_anyway(self) -> bool:
        """Whether it is sure that a refused request's body follows, to be read and thrown away.

        A client that waits for leave to send it may leave it out.
        """
        return not self.expect_100_continue

    def _write_shed(self, method: str, url: bytes, headers: Iterable[Header], stay: bool) -> None:
        """Answer a request that gets no place, without an application."""
        self._guard.shed.inc()
        count_request(SHED_ROUTE, method, self._guard.overloaded.status)
        self._write(self._guard.overloaded, url, headers, stay, head_only=method == "HEAD")
        if stay:
            self.on_response_complete()
        else:
            self._linger()

    # Refusals

    def _stop(self, refusal: CannedRefusal) -> NoReturn:
        self._refuse(refusal)
        raise _Stop

    def _refuse(self, refusal: CannedRefusal) -> None:
        """Answer the request that is coming in, behind those before it, and nothing after it."""
        log.debug("request_refused", status=refusal.status)
        count_request(REFUSED_ROUTE, "", refusal.status)
        self._deaf = True
        if self._head_open or self._complete:
            if self._is_answering():
                self._last_refusal = refusal
            else:
                self._write_last(refusal)
        elif self.pipeline:
            self.pipeline.popleft()  # the newest: its body is what is refused
            self._last_refusal = refusal
        elif self._shed:
            self._linger()
        else:
            waiting = self._is_answering() and not self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if waiting:
                self._write_last(refusal)
            else:
                self._linger()

    def _is_answering(self) -> bool:
        """Whether the newest request that has a head is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _write_last(self, refusal: CannedRefusal) -> None:
        head_only = bool(self.url) and self.parser.get_method() == b"HEAD"
        self._write(refusal, self.url, self.headers or (), head_only=head_only)
        self._linger()

    def _write(
        self,
        refusal: CannedRefusal,
        url: bytes,
        request_headers: Iterable[Header],
        stay: bool = False,
        head_only: bool = False,
    ) -> None:
        headers = *self.server_state.default_headers, *self._guard.cors.headers(request_headers)
        self.transport.write(refusal.response(url, headers, stay, head_only))

    def _listen_no_more(self) -> None:
        """Close behind the last answer that is owed."""
        self._deaf = True
        if self._is_answering():
            self.cycle.keep_alive = False
        else:
            self._linger()

    def _linger(self) -> None:
        """Close, after the client had time to read why."""
        self._deaf = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()

    # Slowness

    def cut_off_if_slow(self, now: float) -> None:
        """End the connection if the client has owed the same thing for too long.

        Args:
            now: seconds of the event loop.
        """
        owed = self._owed_by_client()
        if owed is None or owed != self._owed:
            self._owed, self._owed_since = owed, now
        elif now - self._owed_since >= self._guard.slow_client_seconds:
            if self._deaf or self._complete or owed[0] == "to read":
                self.transport.abort()
            else:
                self._refuse(self._guard.too_slow)

    def _owed_by_client(self) -> tuple[str, int] | None:
        """What the client has to do next and for which request; None when it is our turn."""
        if self.transport.get_write_buffer_size() > 0:
            return "to read", self._requests - len(self.pipeline)
        if self._deaf:
            return "to go", self._requests
        idle = self.timeout_keep_alive_task is not None
        if idle or self.flow.read_paused or (self._complete and self._is_answering()):
            return None
        return "to send", self._requests


def _is_host(value: bytes) -> bool:
    return len(value) <= MAX_HOST_BYTES and _matches_host(value)


@lru_cache(maxsize=256)
def _matches_host(value: bytes) -> bool:
    return HOST.fullmatch(value) is not None


def _is_unlimited(url: bytes) -> bool:
    path = url.partition(b"?")[0]
    return path in UNLIMITED or path.startswith(UNLIMITED_BELOW)
