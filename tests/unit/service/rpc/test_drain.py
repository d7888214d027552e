"""How the server goes: no call is lost, and every client learns where not to ask."""

import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2

from service.proto import forecast_pb2 as pb

REQUEST = pb.ForecastRequest(symbol="BTC-USD")


def _codes(rpc, clients, stop):
    """Codes of failures by clients that ask one thing after another until they must leave."""
    failures = []

    def ask():
        stub, connection = rpc.stub(), rpc.channel()
        while not stop.is_set():
            try:
                stub.Forecast(REQUEST, timeout=30)
            except grpc.RpcError as error:
                if "failed to connect" in error.details():
                    return  # the port refuses: another replica would be asked
                failures.append((error.code().name, error.details()))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    return failures, threads


def test_server_that_goes_under_load_loses_no_call(rpc):
    stop = threading.Event()
    failures, threads = _codes(rpc, 8, stop)
    time.sleep(0.5)
    rpc.server.stop()
    for thread in threads:
        thread.join(30)
    stop.set()
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


def test_server_that_goes_answers_a_call_that_comes_right_after(rpc):
    stub = rpc.stub()
    stub.Forecast(REQUEST, timeout=30)
    threading.Thread(target=rpc.server.drain).start()
    time.sleep(0.15)
    assert stub.Forecast(REQUEST, timeout=30).steps


def test_server_that_goes_ends_the_calls_in_flight_first(serve, publish, monkeypatch):
    rpc = serve(drain_seconds=30.0)
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_):
        begun.set()
        go_on.wait(30)
        return original()

    original = rpc.plane.models
    monkeypatch.setattr(rpc.plane, "models", slow)
    call = rpc.stub().Models.future(pb.ModelsRequest(), timeout=60)
    assert begun.wait(30)
    ended = rpc.server.drain()
    assert not ended.wait(0.2)
    go_on.set()
    assert len(call.result(timeout=30).markets) == 3
    assert ended.wait(30)


def test_server_that_goes_gives_up_calls_after_the_grace(serve, monkeypatch):
    rpc = serve(drain_seconds=0.2)
    hanging = threading.Event()
    monkeypatch.setattr(rpc.plane, "models", lambda: hanging.wait(60))
    call = rpc.stub().Models.future(pb.ModelsRequest(), timeout=60)
    while not rpc.admission.inflight:
        time.sleep(0.01)
    assert rpc.server.drain().wait(30)
    assert isinstance(call.exception(timeout=30), grpc.RpcError)
    hanging.set()


def test_server_that_goes_refuses_new_connections(rpc):
    rpc.server.drain()
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Forecast(REQUEST, timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_server_that_goes_says_so_over_health_before_it_refuses(serve, publish):
    rpc = serve()
    publish()
    watch = rpc.health().Watch(health_pb2.HealthCheckRequest(), timeout=60)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    rpc.plane.drain()
    rpc.server.drain()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
