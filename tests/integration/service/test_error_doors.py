"""Every error through every door: one body shape each, and everywhere the same facts."""

import json
import logging
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
import uvicorn
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from service.dataplane import DataPlane
from service.error_table import Fault, fault_of, unexpected
from service.messages import ErrorAnswer
from service.oip.messages import InferenceError
from service.proto import forecast_pb2, forecast_pb2_grpc, inference_pb2, inference_pb2_grpc
from tidecast import errors
from tidecast.telemetry import configure_logging

SECRET = "postgresql://user:word@db.internal/home"
BODY = {"symbol": "BTC-USD"}
INFER = {"inputs": [{"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]}]}

pytestmark = pytest.mark.timeout(180)


class Raising(DataPlane):
    """A data plane whose every answer is an error."""

    error: Exception

    def _raise(self, *_: object, **__: object) -> Any:
        raise self.error

    forecast = forecasts = candles = scores = models = _raise


@dataclass(frozen=True)
class Facts:
    """What a caller learns of an error, the door apart."""

    status: str
    code: str
    message: str
    field: str | None
    allowed: Any
    correlation_id: str | None
    retry_after: int | None


class Doors:
    """All ways into one running service, in this process."""

    def __init__(self, url: str, rpc: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._channel = grpc.insecure_channel(rpc)
        self._forecasts = forecast_pb2_grpc.ForecastServiceStub(self._channel)
        self._inference = inference_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def close(self) -> None:
        self._http.close()
        self._channel.close()

    def rest(self) -> Facts:
        return self._rest("GET", "/v1/forecasts/BTC-USD")

    def rest_of_all(self) -> Facts:
        return self._rest("GET", "/v1/forecasts?horizon=1")

    def rest_candles(self) -> Facts:
        return self._rest("GET", "/v1/candles/BTC-USD")

    def rest_scores(self) -> Facts:
        return self._rest("GET", "/v1/scores/BTC-USD")

    def rest_models(self) -> Facts:
        return self._rest("GET", "/v1/models")

    def bentoml_post(self) -> Facts:
        return self._rest("POST", "/forecast", json=BODY)

    def oip_rest(self) -> Facts:
        answer = self._ask("POST", "/v2/models/tidecast/infer", json=INFER)
        InferenceError.model_validate_json(answer.content)
        error = answer.json()
        assert isinstance(error["error"], str)
        return _http_facts(answer, {"message": error.pop("error"), **error})

    def grpc_forecast(self) -> Facts:
        request = forecast_pb2.ForecastRequest(**BODY)
        return _rpc_facts(lambda: self._forecasts.Forecast(request, timeout=30))

    def grpc_batch(self) -> dict[str, Any]:
        """The error of one result; the call itself succeeds."""
        one = forecast_pb2.ForecastRequest(**BODY)
        request = forecast_pb2.BatchForecastRequest(requests=[one])
        (result,) = self._forecasts.BatchForecast(request, timeout=30).results
        names = ("code", "message", "field", "correlation_id")
        facts = {name: getattr(result.error, name) or None for name in names}
        return {**facts, "allowed": list(result.error.allowed)}

    def grpc_watch(self) -> Facts:
        request = forecast_pb2.WatchForecastsRequest(symbols=["BTC-USD"])
        return _rpc_facts(lambda: next(self._forecasts.WatchForecasts(request, timeout=30)))

    def grpc_scores(self) -> Facts:
        request = forecast_pb2.ScoresRequest(**BODY)
        return _rpc_facts(lambda: self._forecasts.Scores(request, timeout=30))

    def grpc_models(self) -> Facts:
        request = forecast_pb2.ModelsRequest()
        return _rpc_facts(lambda: self._forecasts.Models(request, timeout=30))

    def oip_grpc(self) -> Facts:
        symbol = inference_pb2.ModelInferRequest.InferInputTensor(
            name="symbol", datatype="BYTES", shape=[1]
        )
        symbol.contents.bytes_contents.append(b"BTC-USD")
        request = inference_pb2.ModelInferRequest(model_name="tidecast", inputs=[symbol])
        return _rpc_facts(lambda: self._inference.ModelInfer(request, timeout=30))

    def _rest(self, method: str, path: str, **more: Any) -> Facts:
        answer = self._ask(method, path, **more)
        ErrorAnswer.model_validate_json(answer.content)
        return _http_facts(answer, answer.json()["error"])

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._http.request(method, f"{self._url}{path}", timeout=30, **more)


HTTP_DOORS = (
    Doors.rest,
    Doors.rest_of_all,
    Doors.rest_candles,
    Doors.rest_scores,
    Doors.rest_models,
    Doors.bentoml_post,
    Doors.oip_rest,
)
RPC_DOORS = (
    Doors.grpc_forecast,
    Doors.grpc_watch,
    Doors.grpc_scores,
    Doors.grpc_models,
    Doors.oip_grpc,
)
DOORS = (*HTTP_DOORS, *RPC_DOORS)


def _http_facts(answer: Any, error: dict[str, Any]) -> Facts:
    assert answer.headers["content-type"] == "application/json"
    assert (answer.status_code == 401) == ("www-authenticate" in answer.headers)
    wait = answer.headers.get("retry-after")
    return Facts(
        status=str(answer.status_code), retry_after=None if wait is None else int(wait), **error
    )


def _rpc_facts(call: Callable[[], Any]) -> Facts:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    status = rpc_status.from_call(caught.value)
    info, retry, bad = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.RetryInfo(),
        error_details_pb2.BadRequest(),
    )
    found = [d for d in status.details if d.Unpack(info) or d.Unpack(retry) or d.Unpack(bad)]
    assert len(found) == len(status.details)
    assert info.domain == "tidecast"
    assert set(info.metadata) <= {"field", "allowed", "correlation_id"}
    field = info.metadata.get("field")
    assert [violation.field for violation in bad.field_violations] == [field] * (field is not None)
    return Facts(
        status=caught.value.code().name,
        code=info.reason.lower(),
        message=caught.value.details(),
        field=field,
        allowed=_allowed(info.metadata.get("allowed")),
        correlation_id=info.metadata.get("correlation_id"),
        retry_after=retry.retry_delay.seconds or None,
    )


def _allowed(text: str | None) -> Any:
    return json.loads(text) if text is not None and text.startswith("[") else text


def _expected(fault: Fault, *, rpc: bool) -> Facts:
    allowed = fault.allowed
    return Facts(
        status=fault.grpc_code if rpc else str(fault.status),
        code=fault.code,
        message=fault.message,
        field=fault.field,
        allowed=allowed if allowed is None or isinstance(allowed, str) else list(allowed),
        correlation_id=fault.correlation_id,
        retry_after=fault.retry_after_seconds,
    )


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def _served(application: Any) -> Iterator[str]:
    """The application on a port of its own, as a worker of BentoML serves it; yields its URL."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    bound.close()


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory, log: StringIO) -> Iterator[Doors]:
    """The application that BentoML serves, with a data plane that raises."""
    home: Path = tmp_path_factory.mktemp("home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        # BentoML uses what its own libraries have given up.
        from service import app
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDECAST_HOME_DIR", str(home))
        patch.setenv("BENTOML_HOME", str(home / "bentoml"))
        patch.setenv("BENTOML_DO_NOT_TRACK", "True")
        patch.setenv("TIDECAST_SERVICE__GRPC_PORT", str(port))
        # All transports get this one plane, and nothing below it is asked.
        app.runtime().plane.__class__ = Raising
        configure_logging("info", "json", "service", log)
        with _served(app.Tidecast.to_asgi()) as url:
            opened = Doors(url, f"127.0.0.1:{port}")
            yield opened
            opened.close()
    app.runtime.cache_clear()


def _kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Of the core and the service; other processes have more, when a test imported them."""
    if kind.__module__.startswith(("tidecast.", "service.")):
        yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


def _make(kind: type[Exception]) -> Exception:
    if issubclass(kind, errors.CallerError):
        return kind("wrong", field="horizon", allowed=["1..24", '2 "quoted" ümläut'])
    if kind is errors.TooFewCandles:
        return errors.TooFewCandles(10, 3)
    if kind is errors.GateRefused:
        return errors.GateRefused(["worse"])
    if issubclass(kind, errors.RetryLater):
        return kind("away", retry_after_seconds=6.5)
    return kind(SECRET)


KINDS = (*_kinds(errors.TidecastError), KeyError, RuntimeError, AssertionError, RecursionError)
EXPECTED = [kind for kind in KINDS if fault_of(_make(kind)) is not None]
UNEXPECTED = [kind for kind in KINDS if fault_of(_make(kind)) is None]


def _doors_of(kind: type[Exception]) -> list[Callable[[Doors], Facts]]:
    """A watch does not fail because there is no forecast yet: it waits for the first one."""
    waiting = Doors.grpc_watch if kind is errors.ForecastUnavailable else None
    return [door for door in DOORS if door is not waiting]


@pytest.mark.parametrize("kind", EXPECTED)
def test_error_has_the_same_facts_through_all_doors(doors: Doors, kind: type[Exception]) -> None:
    Raising.error = _make(kind)
    fault = fault_of(Raising.error)
    assert fault is not None
    for door in _doors_of(kind):
        assert door(doors) == _expected(fault, rpc=door in RPC_DOORS), door.__name__


@pytest.mark.parametrize("kind", EXPECTED)
def test_error_in_a_batch_has_the_facts_of_the_rest(doors: Doors, kind: type[Exception]) -> None:
    Raising.error = _make(kind)
    rest, result = asdict(doors.rest()), doors.grpc_batch()
    rest["allowed"] = rest["allowed"] or []
    assert result.items() <= rest.items()


@pytest.mark.parametrize("kind", UNEXPECTED)
def test_unexpected_error_tells_its_id_and_nothing_else(
    doors: Doors, log: StringIO, kind: type[Exception]
) -> None:
    Raising.error = _make(kind)
    for door in DOORS:
        log.seek(0)
        log.truncate()
        facts = door(doors)
        fault = unexpected(facts.correlation_id or "")
        assert facts == _expected(fault, rpc=door in RPC_DOORS), door.__name__
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        (line,) = [line for line in lines if line["level"] == "error"]
        assert line["correlation_id"] == facts.correlation_id
        assert SECRET in line["exception"]


def test_fault_of_a_caller_is_never_logged_as_an_error(doors: Doors, log: StringIO) -> None:
    log.seek(0)
    log.truncate()
    for kind in EXPECTED:
        Raising.error = _make(kind)
        for door in _doors_of(kind):
            door(doors)
    assert '"level": "error"' not in log.getvalue()


def test_walk_finds_the_refusals_of_the_service() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert {"Unauthenticated", "Overloaded", "RateLimited", "StoreUnavailable"} <= names
