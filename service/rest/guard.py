"""What all HTTP connections of a process share: limits, refusals, the watch for slow clients."""

import asyncio
from collections.abc import Collection
from typing import Protocol

from service.admission import Admission
from service.error_table import Fault, fault_of, fault_of_status
from service.metrics import SHED
from service.rest.busyness import Busyness
from service.rest.canned import CannedRefusal
from service.rest.cors import CorsPolicy
from tidecast.settings import ServiceSettings

SWEEPS = 4
"""Looks at each connection within the time that a slow client has."""
MAX_SWEEP_SECONDS = 1.0

BUSY_PLACES = 16
"""Places while the event loop has more to do than it can. A turn of the loop begins all that have a
place, and refusals wait for its end: 64 requests of 140 us are 9 ms. A burst finds all places."""

BAD_TARGET = Fault(
    400,
    "bad_request",
    "invalid request target",
    "request target",
    "a path that begins with /, or an absolute http or https URL",
)
BAD_HOST = Fault(
    400,
    "bad_request",
    "an HTTP/1.1 request needs exactly one valid Host header",
    "Host",
    "host or host:port",
)
NO_TUNNEL = Fault(
    501,
    "not_implemented",
    "CONNECT is not supported: this server is not a proxy",
    "method",
    "GET, HEAD, POST",
)
WRONG_VERSION = Fault(
    505,
    "http_version_not_supported",
    "unsupported HTTP version",
    "HTTP version",
    "HTTP/1.1, HTTP/1.0",
)


class Watched(Protocol):
    """A connection as the watch sees it."""

    def cut_off_if_slow(self, now: float) -> None:
        """End what lasts too long; ``now`` is in seconds of the event loop."""
        ...


class Guard:
    """Limits of one connection, and what is answered beyond them.

    Args:
        admission: the places for requests in flight.
        settings: all limits.
        busyness: of the event loop's thread.
    """

    def __init__(
        self, admission: Admission, settings: ServiceSettings, busyness: Busyness | None = None
    ) -> None:
        self.admission = admission
        self.shed = SHED.labels("http")
        self.max_header_bytes = settings.max_header_bytes
        self.max_body_bytes = settings.max_body_bytes
        self.slow_client_seconds = settings.slow_client_seconds
        self.overloaded = CannedRefusal(_known(fault_of(admission.refusal())))
        self.cors = CorsPolicy(settings.cors_allowed_origins)
        self.malformed = CannedRefusal(fault_of_status(400))
        self.bad_target = CannedRefusal(BAD_TARGET)
        self.bad_host = CannedRefusal(BAD_HOST)
        self.no_tunnel = CannedRefusal(NO_TUNNEL)
        self.wrong_version = CannedRefusal(WRONG_VERSION)
        self.too_slow = CannedRefusal(fault_of_status(408))
        self.body_too_large = CannedRefusal(_too_large(413, "body", self.max_body_bytes))
        self.head_too_large = CannedRefusal(_too_large(431, "headers", self.max_header_bytes))
        self._busyness = busyness or Busyness()
        self._sweep_seconds = min(MAX_SWEEP_SECONDS, self.slow_client_seconds / SWEEPS)
        self._sweep_due: asyncio.TimerHandle | None = None

    def has_place(self) -> bool:
        """Whether ``try_enter`` would find a place now; for the thread of the event loop."""
        admission = self.admission
        return admission.has_place() and (
            admission.inflight < BUSY_PLACES or not self._busyness.is_busy()
        )

    def try_enter(self) -> bool:
        """Take a place; False when there is none, or the loop is busy and too many are taken."""
        return self.has_place() and self.admission.try_enter()

    def watch(self, loop: asyncio.AbstractEventLoop, connections: Collection[Watched]) -> None:
        """Look at the connections now and then, as long as there are any.

        One timer for all costs less than one a request, which nearly never fires.
        """
        if self._sweep_due is None:
            self._sweep_due = loop.call_later(self._sweep_seconds, self._sweep, loop, connections)

    def _sweep(self, loop: asyncio.AbstractEventLoop, connections: Collection[Watched]) -> None:
        self._sweep_due = None
        if connections:
            self.watch(loop, connections)
        for connection in tuple(connections):
            connection.cut_off_if_slow(loop.time())


def _too_large(status: int, field: str, most: int) -> Fault:
    plain = fault_of_status(status)
    return Fault(status, plain.code, plain.message, field, f"at most {most} bytes")


def _known(fault: Fault | None) -> Fault:
    assert fault is not None
    return fault
