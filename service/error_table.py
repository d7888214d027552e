"""The one table from errors to HTTP and gRPC, and the one body shape of every error."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.messages import ErrorAnswer, ErrorBody, dump
from service.refusals import Overloaded, RateLimited, Unauthenticated
from tidecast.errors import (
    CallerError,
    OperatorError,
    RegistryUnavailable,
    RejectedError,
    RetryLater,
    StoreUnavailable,
    UnknownMarket,
)

STATUS_BY_ERROR: tuple[tuple[type[Exception], int], ...] = (
    (UnknownMarket, 404),
    (Unauthenticated, 401),
    (Overloaded, 429),
    (RateLimited, 429),
    (CallerError, 400),
    (RetryLater, 503),
    (RejectedError, 503),
    (OperatorError, 500),
)
"""First match counts. Rejected data is answered like an outage: it heals with the next candle."""

GRPC_CODE_BY_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    413: "RESOURCE_EXHAUSTED",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    431: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Names of gRPC status codes; only service.rpc knows the library."""
CODE_BY_STATUS = {
    400: "bad_request",
    401: "unauthenticated",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "unavailable",
    504: "timeout",
}
MESSAGE_BY_CODE = {
    "bad_request": "the request cannot be read",
    "not_found": "there is nothing at this path; /openapi.json lists the paths",
    "method_not_allowed": "this path does not know the method",
    "too_many_requests": "the service is at its limit; try again in a moment",
    "unavailable": "the service cannot answer now; try again later",
    "timeout": "the answer took too long",
}
PUBLIC_MESSAGES: dict[type[Exception], str] = {
    StoreUnavailable: "the store cannot be read now; forecasts go on from memory",
    RegistryUnavailable: "the model registry cannot be reached now",
}
"""Said instead of messages that name hosts and paths."""
DEFAULT_RETRY_AFTER_SECONDS = 5
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


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
        return GRPC_CODE_BY_STATUS[self.status]

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
        return Fault(status, code, str(error), error.field, error.allowed)
    wait = getattr(error, "retry_after_seconds", None) or DEFAULT_RETRY_AFTER_SECONDS
    message = PUBLIC_MESSAGES.get(type(error), str(error))
    return Fault(status, code, message, headers=(("Retry-After", f"{math.ceil(wait)}"),))


def fault_of_status(status: int, headers: Sequence[tuple[str, str]] = ()) -> Fault:
    """The fault behind a bare HTTP status, for the errors of the web framework."""
    code = CODE_BY_STATUS.get(status, "internal" if status >= 500 else "bad_request")
    message = MESSAGE_BY_CODE.get(code, code.replace("_", " "))
    return Fault(status, code, message, headers=tuple(headers))


def unexpected(correlation_id: str) -> Fault:
    """The fault of an error nobody expected: it tells nothing but where to look."""
    return Fault(
        500,
        "internal",
        "an unexpected error; the log has it under the correlation id",
        correlation_id=correlation_id,
    )
