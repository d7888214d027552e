"""Requests at random: every one gets an answer or a reason, none an error of ours."""

from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.proto import forecast_pb2 as pb
from service.rpc.desk import status_for
from service.rpc.watching import History, Watching

ALLOWED = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNAVAILABLE"}
ONE_SERVER = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SYMBOLS = st.one_of(st.sampled_from(["BTC-USD", "ETH-USD", ""]), st.text(max_size=20))
INTERVALS = st.one_of(st.sampled_from(["", "1h", "1d", "5m", "2h"]), st.text(max_size=5))
HORIZONS = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1), st.integers(0, 30))
LEVELS = st.lists(
    st.one_of(st.floats(), st.integers(0, 100).map(lambda percent: percent / 100)), max_size=5
)
FORECAST_REQUESTS = st.builds(
    pb.ForecastRequest, symbol=SYMBOLS, interval=INTERVALS, horizon=HORIZONS, levels=LEVELS
)
INSTANTS = st.builds(
    dict,
    seconds=st.integers(-(2**63), 2**63 - 1),
    nanos=st.integers(-(2**31), 2**31 - 1),
)
WATCH_REQUESTS = st.builds(
    pb.WatchForecastsRequest,
    symbols=st.lists(SYMBOLS, max_size=3),
    interval=INTERVALS,
    horizon=HORIZONS,
    levels=LEVELS,
    resume_after=st.one_of(st.none(), INSTANTS),
)


@pytest.fixture
def code(rpc, errors):
    """Calls a method with any bytes; its status, once it is sure that nothing was logged."""
    channel = rpc.channel()

    def call(method: str, request: bytes) -> str:
        ask = channel.unary_stream(f"/tidecast.v1.ForecastService/{method}")
        stream: Any = ask(request, timeout=30)
        try:
            next(stream, None)
            return "OK"
        except grpc.RpcError as error:
            return error.code().name
        finally:
            stream.cancel()
            assert errors() == []

    return call


@pytest.mark.parametrize("method", ["Forecast", "BatchForecast", "Models"])
@ONE_SERVER
@given(content=st.binary(max_size=100))
def test_bytes_at_random_are_answered_or_refused(code, method, content):
    assert code(method, content) in ALLOWED


@ONE_SERVER
@given(request_=FORECAST_REQUESTS)
def test_forecast_requests_at_random_are_answered_or_refused(code, request_):
    assert code("Forecast", request_.SerializeToString()) in ALLOWED


@ONE_SERVER
@given(requests=st.lists(FORECAST_REQUESTS, max_size=5))
def test_batches_at_random_are_answered(code, requests):
    request = pb.BatchForecastRequest(requests=requests)
    assert code("BatchForecast", request.SerializeToString()) == "OK"


@pytest.fixture
def watch_code(plane, board, publish, errors):
    """Opens a watch with any bytes and takes what it gives; the status that a client would get."""
    history = History(board.markets)
    board.subscribe(history.add)
    publish()
    watching = Watching(plane, history)

    def call(request: bytes) -> str:
        try:
            watching.subscribe(request)()
            return "OK"
        except Exception as error:
            return status_for(error).code.name
        finally:
            assert errors() == []

    return call


@ONE_SERVER
@given(content=st.binary(max_size=100))
def test_watches_of_bytes_at_random_are_opened_or_refused(watch_code, content):
    assert watch_code(content) in ALLOWED


@ONE_SERVER
@given(request_=WATCH_REQUESTS)
def test_watch_requests_at_random_are_opened_or_refused(watch_code, request_):
    assert watch_code(request_.SerializeToString()) in ALLOWED
