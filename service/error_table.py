"""The one table from errors to HTTP and gRPC, and the one body shape of every error."""

import math
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.messages import ErrorAnswer, ErrorBody, dump
from service.refusals import (
    BodyTooLarge,
    Overloaded,
    RateLimited,
    Unauthenticated,
    UnknownModel,
    UnknownService,
    UnsupportedContentCoding,
    UnsupportedMediaType,
)
from tidecast.errors import (
    CallerError,
    OperatorError,
    RegistryUnavailable,
    RejectedError,
    RetryLater,
    StoreUnavailable,
    UnknownMarket,
)
from tidecast.telemetry import get_logger

STATUS_BY_ERROR: tuple[tuple[type[Exception], int], ...] = (
    (UnknownMarket, 404),
    (UnknownModel, 404),
    (UnknownService, 404),
    (Unauthenticated, 401),
    (BodyTooLarge, 413),
    (UnsupportedMediaType, 415),
    (UnsupportedContentCoding, 415),
    (Overloaded, 429),
    (RateLimited, 429),
    (CallerError, 400),
    (RetryLater, 503),
    (RejectedError, 503),
    (OperatorError, 500),
)
"""First match counts. Rejected data is answered like an outage: it heals with the next candle."""


class Status(NamedTuple):
    """What an HTTP status means when nothing more is known.

    Attributes:
        code: our code, for the errors of the web framework.
        grpc_code: name of the gRPC status code; only service.rpc knows the library.
        message: what to tell the caller.
    """

    code: str
    grpc_code: str
    message: str


STATUSES = {
    400: Status("bad_request", "INVALID_ARGUMENT", "the request cannot be read"),
    401: Status("unauthenticated", "UNAUTHENTICATED", "an API key is needed"),
    404: Status(
        "not_found", "NOT_FOUND", "there is nothing at this path; /openapi.json lists the paths"
    ),
    405: Status("method_not_allowed", "UNIMPLEMENTED", "this path does not know the method"),
    406: Status(
        "not_acceptable",
        "INVALID_ARGUMENT",
        "the answer cannot have the media type that is asked for",
    ),
    408: Status("request_timeout", "DEADLINE_EXCEEDED", "the request took too long to arrive"),
    413: Status("body_too_large", "RESOURCE_EXHAUSTED", "the body is too large"),
    414: Status("uri_too_long", "RESOURCE_EXHAUSTED", "the path with its query is too long"),
    415: Status(
        "unsupported_media_type",
        "INVALID_ARGUMENT",
        "the body has a media type that is not read here",
    ),
    416: Status(
        "range_not_satisfiable",
        "OUT_OF_RANGE",
        "answers are sent whole; leave the Range header out",
    ),
    429: Status(
        "too_many_requests",
        "RESOURCE_EXHAUSTED",
        "the service is at its limit; try again in a moment",
    ),
    431: Status("header_too_large", "RESOURCE_EXHAUSTED", "the head of the request is too large"),
    500: Status(
        "internal", "INTERNAL", "an unexpected error; the log has it under the correlation id"
    ),
    501: Status("not_implemented", "UNIMPLEMENTED", "the service does not know the method"),
    503: Status("unavailable", "UNAVAILABLE", "the service cannot answer now; try again later"),
    504: Status("timeout", "DEADLINE_EXCEEDED", "the answer took too long"),
}
"""A status that is not listed means what 400 or 500 means."""
PUBLIC_MESSAGES: dict[type[Exception], str] = {
    StoreUnavailable: "the store cannot be read now; forecasts go on from memory",
    RegistryUnavailable: "the model registry cannot be reached now",
}
"""Said instead of messages that name hosts and paths."""
DEFAULT_RETRY_AFTER_SECONDS = 5
HEADERS_BY_ERROR: dict[type[Exception], tuple[tuple[str, str], ...]] = {
    Unauthenticated: (("WWW-Authenticate", 'Bearer realm="tidecast"'),),
    UnsupportedContentCoding: (("Accept-Encoding", "gzip, identity"),),
}
"""What an answer says in headers too. A 415 that is not about the content coding must not have
``Accept-Encoding`` (RFC 7694, section 3)."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

log = get_logger("service")


@dataclass(frozen=True)
class Fault:
    """An error ready for the wire."""

    status: int
    code: str
    message: str
    field: str | None = None
    allowed: str | Sequence[str] | None = None
    correlation_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def grpc_code(self) -> str:
        """Name of the gRPC status code."""
        return _status(self.status).grpc_code

    @property
    def retry_after_seconds(self) -> int | None:
        """After how long another try may help; None when waiting is no cure."""
        wait = dict(self.headers).get("Retry-After")
        return None if wait is None else int(wait)

    def body(self) -> bytes:
        """The JSON body."""
        allowed = self.allowed
        if allowed is not None and not isinstance(allowed, str):
            allowed = list(allowed)
        error = ErrorBody(
            code=self.code,
            message=self.message,
            field=self.field,
            allowed=allowed,
            correlation_id=self.correlation_id,
        )
        return dump(ErrorAnswer(error=error))


def fault_of(error: Exception) -> Fault | None:
    """The fault that a core error means to a caller; None for an error nobody expected."""
    status = next((status for kind, status in STATUS_BY_ERROR if isinstance(error, kind)), 500)
    if status == 500:
        return None
    code = _CAMEL.sub("_", type(error).__name__).lower()
    if isinstance(error, CallerError):
        headers = HEADERS_BY_ERROR.get(type(error), ())
        return Fault(status, code, str(error), error.field, error.allowed, headers=headers)
    wait = getattr(error, "retry_after_seconds", None) or DEFAULT_RETRY_AFTER_SECONDS
    public = (text for kind, text in PUBLIC_MESSAGES.items() if isinstance(error, kind))
    message = next(public, str(error))
    return Fault(status, code, message, headers=(("Retry-After", f"{math.ceil(wait)}"),))


def fault_of_status(status: int, headers: Sequence[tuple[str, str]] = ()) -> Fault:
    """The fault behind a bare HTTP status, for the errors of the web framework."""
    meaning = _status(status)
    return Fault(status, meaning.code, meaning.message, headers=tuple(headers))


def fault_for_caller(error: Exception) -> Fault:
    """The fault of any error; one that nobody expected is logged here, once, with its traceback."""
    fault = fault_of(error)
    if fault is not None:
        return fault
    correlation_id = uuid.uuid4().hex
    log.error("unexpected_error", correlation_id=correlation_id, exc_info=error)
    return unexpected(correlation_id)


def unexpected(correlation_id: str) -> Fault:
    """The fault of an error nobody expected: it tells nothing but where to look."""
    meaning = STATUSES[500]
    return Fault(500, meaning.code, meaning.message, correlation_id=correlation_id)


def _status(status: int) -> Status:
    return STATUSES.get(status) or STATUSES[500 if status >= 500 else 400]
