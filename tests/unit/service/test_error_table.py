import json
from collections.abc import Iterator

import grpc
import pytest
from structlog.testing import capture_logs

from service import refusals
from service.error_table import (
    STATUSES,
    fault_for_caller,
    fault_of,
    fault_of_status,
    unexpected,
)
from service.messages import ErrorAnswer
from tidecast import errors


def _subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Of the core and the service; other processes have more, when a test imported them."""
    if kind.__module__.startswith(("tidecast.", "service.")):
        yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


def _make(kind: type[Exception]) -> Exception:
    if issubclass(kind, errors.CallerError):
        return kind("wrong", field="horizon", allowed="1..24")
    if kind is errors.TooFewCandles:
        return errors.TooFewCandles(10, 3)
    if kind is errors.GateRefused:
        return errors.GateRefused(["worse"])
    return kind("wrong")


@pytest.mark.parametrize("kind", list(_subclasses(errors.TidecastError)))
def test_every_core_error_has_a_fault_or_is_unexpected(kind: type[Exception]) -> None:
    fault = fault_of(_make(kind))
    outage = issubclass(kind, errors.RetryLater)
    of_operator = issubclass(kind, errors.OperatorError) and not outage
    hidden = kind is errors.TidecastError or of_operator
    assert (fault is None) == hidden
    if fault is not None:
        ErrorAnswer.model_validate_json(fault.body())
        assert fault.status in (400, 401, 404, 413, 415, 429, 503)
        assert hasattr(grpc.StatusCode, fault.grpc_code)


def test_fault_of_caller_error_names_field_and_allowed() -> None:
    error = errors.UnknownMarket("no market X", field="symbol", allowed=("BTC-USD",))
    fault = fault_of(error)
    assert fault is not None and fault.status == 404
    assert json.loads(fault.body())["error"] == {
        "code": "unknown_market",
        "message": "no market X",
        "field": "symbol",
        "allowed": ["BTC-USD"],
        "correlation_id": None,
    }


def test_fault_of_store_error_tells_no_paths() -> None:
    fault = fault_of(errors.StoreUnavailable("store sqlite:////home/x.db: locked"))
    assert fault is not None and "sqlite" not in fault.message
    assert dict(fault.headers)["Retry-After"] == "5"


def test_fault_of_unauthenticated_names_the_scheme() -> None:
    error = refusals.Unauthenticated("no key", field="Authorization", allowed="Bearer KEY")
    fault = fault_of(error)
    assert fault is not None and fault.grpc_code == "UNAUTHENTICATED"
    assert dict(fault.headers)["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("seconds", [0.2, 1.0, 7.01])
def test_fault_says_when_to_try_again_in_whole_seconds_and_never_too_early(seconds: float) -> None:
    fault = fault_of(refusals.RateLimited("slowly", retry_after_seconds=seconds))
    assert fault is not None and fault.retry_after_seconds is not None
    assert seconds <= fault.retry_after_seconds < seconds + 1
    assert dict(fault.headers)["Retry-After"] == str(fault.retry_after_seconds)


def test_fault_that_waiting_does_not_cure_names_no_time() -> None:
    assert unexpected("abc").retry_after_seconds is None


def test_fault_of_stranger_is_none() -> None:
    assert fault_of(KeyError("x")) is None
    assert unexpected("abc").correlation_id == "abc"


@pytest.mark.parametrize("status", [*STATUSES, 418, 502])
def test_fault_of_status_has_the_one_shape(status: int) -> None:
    fault = fault_of_status(status)
    assert fault.status == status
    assert hasattr(grpc.StatusCode, fault.grpc_code)
    ErrorAnswer.model_validate_json(fault.body())


def test_fault_of_status_that_is_not_listed_means_what_its_class_means() -> None:
    assert (fault_of_status(418).code, fault_of_status(502).code) == ("bad_request", "internal")


def test_unexpected_error_is_told_by_its_id_and_logged_once() -> None:
    with capture_logs() as logged:
        fault = fault_for_caller(KeyError("a secret"))
    (line,) = logged
    assert (line["log_level"], line["correlation_id"]) == ("error", fault.correlation_id)
    assert isinstance(line["exc_info"], KeyError)
    assert b"secret" not in fault.body()


def test_expected_error_is_not_logged() -> None:
    with capture_logs() as logged:
        fault_for_caller(errors.StoreUnavailable("locked"))
    assert logged == []


def test_only_a_wrong_content_coding_is_answered_with_the_codings_that_are_read() -> None:
    coding = refusals.UnsupportedContentCoding("br", field="Content-Encoding", allowed="gzip")
    media = refusals.UnsupportedMediaType(
        "text/x", field="Content-Type", allowed="application/json"
    )
    faults = [fault_of(coding), fault_of(media)]
    assert [fault and (fault.status, dict(fault.headers)) for fault in faults] == [
        (415, {"Accept-Encoding": "gzip, identity"}),
        (415, {}),
    ]
