"""What every call passes: places, keys, metrics, the log."""

import hashlib
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2
from prometheus_client import REGISTRY

from service.proto import forecast_pb2 as pb

FORECAST = "tidecast.v1.ForecastService/Forecast"
REQUEST = pb.ForecastRequest(symbol="BTC-USD")
KEYS = {"alice": hashlib.sha256(b"secret").hexdigest()}
BEARER = (("authorization", "Bearer secret"),)


def _code(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def _count(method, code):
    labels = {"method": method, "code": code}
    return REGISTRY.get_sample_value("tidecast_grpc_requests_total", labels) or 0


def test_call_without_a_place_is_refused_at_once(serve, until, details):
    rpc = serve(max_inflight_requests=3)
    blocked = threading.Event()
    rpc.server.desk.memory.put(blocked.wait)
    stub = rpc.stub()
    accepted = [stub.Models.future(pb.ModelsRequest(), timeout=60) for _ in range(3)]
    until(lambda: rpc.admission.inflight == 3)
    refused = [stub.Models.future(pb.ModelsRequest(), timeout=60) for _ in range(5)]
    for call in refused:
        error = call.exception(timeout=30)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        facts = details(error)
        assert facts["ErrorInfo"].reason == "OVERLOADED"
        assert facts["RetryInfo"].retry_delay.seconds == 1
    assert not any(call.done() for call in accepted)
    blocked.set()
    assert all(call.result(timeout=30) is not None for call in accepted)
    assert rpc.admission.inflight == 0  # before the client could know


def test_places_are_shared_with_other_transports(rpc):
    for _ in range(rpc.admission.limit):
        rpc.admission.enter()
    assert _code(lambda: rpc.stub().Forecast(REQUEST, timeout=30)) == "RESOURCE_EXHAUSTED"
    rpc.admission.leave()
    assert _code(lambda: rpc.stub().Forecast(REQUEST, timeout=30)) == "OK"


def test_health_and_liveness_need_no_place(rpc):
    for _ in range(rpc.admission.limit):
        rpc.admission.enter()
    rpc.health().Check(health_pb2.HealthCheckRequest(), timeout=30)
    live = rpc.channel().unary_unary("/inference.GRPCInferenceService/ServerLive")
    assert live(b"", timeout=30) == b"\x08\x01"


def test_health_is_answered_while_all_threads_are_busy(rpc):
    blocked = threading.Event()
    rpc.server.desk.memory.put(blocked.wait)
    rpc.health().Check(health_pb2.HealthCheckRequest(), timeout=30)
    blocked.set()


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer wrong"),)])
def test_call_without_a_known_key_is_unauthenticated(serve, publish, details, metadata):
    rpc = serve(api_keys=KEYS)
    publish()
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Forecast(REQUEST, timeout=30, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert details(caught.value)["ErrorInfo"].reason == "UNAUTHENTICATED"
    assert rpc.admission.inflight == 0


def test_call_with_a_key_is_answered(serve, publish):
    rpc = serve(api_keys=KEYS)
    publish()
    assert rpc.stub().Forecast(REQUEST, timeout=30, metadata=BEARER).symbol == "BTC-USD"


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("BatchForecast", b""),
        ("Scores", b"\n\x07BTC-USD"),
        ("Models", b""),
        ("WatchForecasts", b""),
    ],
)
def test_every_method_asks_for_the_key(serve, method, request_):
    rpc = serve(api_keys=KEYS)
    path = f"/tidecast.v1.ForecastService/{method}"
    channel = rpc.channel()
    assert (
        _code(lambda: list(channel.unary_stream(path)(request_, timeout=30))) == "UNAUTHENTICATED"
    )


def test_health_and_reflection_need_no_key(serve):
    rpc = serve(api_keys=KEYS)
    rpc.health().Check(health_pb2.HealthCheckRequest(), timeout=30)
    next(rpc.health().Watch(health_pb2.HealthCheckRequest(), timeout=30))


def test_calls_are_counted_by_method_and_code(rpc, until):
    good, bad = _count(FORECAST, "OK"), _count(FORECAST, "NOT_FOUND")
    stub = rpc.stub()
    stub.Forecast(REQUEST, timeout=30)
    _code(lambda: stub.Forecast(pb.ForecastRequest(symbol="X"), timeout=30))
    until(lambda: (_count(FORECAST, "OK"), _count(FORECAST, "NOT_FOUND")) == (good + 1, bad + 1))


def test_unknown_methods_are_counted_under_one_name(rpc, until, details):
    before = _count("other", "UNIMPLEMENTED")
    channel = rpc.channel()
    for path in ("/tidecast.v1.ForecastService/Nothing", "/no.Service/None", "/x"):
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path)(b"", timeout=30)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert details(caught.value)["ErrorInfo"].reason == "NOT_IMPLEMENTED"
    until(lambda: _count("other", "UNIMPLEMENTED") == before + 3)


def test_fault_of_the_caller_is_no_error_of_ours(rpc, errors):
    channel = rpc.channel()
    path = f"/{FORECAST}"
    assert _code(lambda: channel.unary_unary(path)(b"\xff\xff", timeout=30)) == "INVALID_ARGUMENT"
    assert _code(lambda: channel.unary_unary(path)(b"\n\x01X", timeout=30)) == "NOT_FOUND"
    assert _code(lambda: channel.unary_unary("/x/y")(b"", timeout=30)) == "UNIMPLEMENTED"
    assert errors() == []


def test_unexpected_error_is_logged_once_and_told_by_its_id(rpc, errors, details, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(rpc.plane, "models", broken)
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Models(pb.ModelsRequest(), timeout=30)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in caught.value.details()
    told = details(caught.value)["ErrorInfo"].metadata["correlation_id"]
    (line,) = errors()
    assert line["correlation_id"] == told


def test_store_that_hangs_is_unavailable_in_time(serve, publish, monkeypatch):
    rpc = serve()
    publish()
    hanging = threading.Event()
    monkeypatch.setattr(rpc.plane, "scores", lambda *_: hanging.wait())
    stub = rpc.stub()
    waiting = [
        stub.Scores.future(pb.ScoresRequest(symbol="BTC-USD"), timeout=30) for _ in range(40)
    ]
    assert stub.Forecast(REQUEST, timeout=30).symbol == "BTC-USD"
    codes = [call.exception(timeout=30).code() for call in waiting]
    assert set(codes) == {grpc.StatusCode.UNAVAILABLE}
    hanging.set()


def test_calls_that_wait_for_a_store_give_their_places_back(serve, until, monkeypatch):
    rpc = serve()
    hanging = threading.Event()
    monkeypatch.setattr(rpc.plane, "scores", lambda *_: hanging.wait())
    stub = rpc.stub()
    calls = [stub.Scores.future(pb.ScoresRequest(symbol="BTC-USD"), timeout=30) for _ in range(10)]
    until(lambda: rpc.admission.inflight == 10)
    for call in calls[:5]:
        call.cancel()
    until(lambda: rpc.admission.inflight == 5)
    for call in calls[5:]:
        call.exception(timeout=30)
    until(lambda: rpc.admission.inflight == 0)
    hanging.set()
