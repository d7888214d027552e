"""Clients that are slow, leave early, or speak no gRPC: none of them harms the others."""

import contextlib
import gzip
import random
import struct
import time

import grpc
import pytest

from service.proto import forecast_pb2 as pb

FORECAST = "tidecast.v1.ForecastService/Forecast"
REQUEST = pb.ForecastRequest(symbol="BTC-USD").SerializeToString()
UNSENT = 100
CANCELLED = 10_000


def _ask(rpc):
    return rpc.stub().Forecast(pb.ForecastRequest(symbol="BTC-USD"), timeout=30)


@pytest.fixture
def impatient(serve, publish):
    """A server that gives a client 0.3 s."""
    running = serve(slow_client_seconds=0.3)
    publish()
    return running


def test_requests_that_never_come_keep_no_other_waiting(rpc, raw):
    client = raw(rpc.address)
    for number in range(UNSENT):
        client.headers(2 * number + 1, FORECAST)
    assert _ask(rpc).symbol == "BTC-USD"


def test_requests_that_never_come_take_no_place(rpc, raw, until):
    client = raw(rpc.address)
    client.headers(1, FORECAST)
    until(lambda: rpc.server.desk.arriving)
    assert rpc.admission.inflight == 0


def test_request_that_never_comes_is_given_up(impatient, raw):
    client = raw(impatient.address)
    client.headers(1, FORECAST)
    kind, block = client.until(client.HEADERS, client.RST_STREAM, stream=1)
    assert kind == client.HEADERS
    assert b"the request took too long to arrive" in block


def test_request_of_which_half_comes_is_given_up(impatient, raw):
    client = raw(impatient.address)
    client.headers(1, FORECAST)
    client.frame(client.DATA, 0, 1, b"\0" + struct.pack(">I", 100) + b"half")
    _, block = client.until(client.HEADERS, stream=1)
    assert b"took too long" in block


def test_answer_that_is_not_taken_is_given_up(impatient, raw, until):
    client = raw(impatient.address, window=0)
    client.headers(1, FORECAST)
    client.message(1, REQUEST)
    client.until(client.RST_STREAM, stream=1)
    until(lambda: not impatient.server.desk.leaving)


def test_call_without_a_message_is_refused(rpc, raw):
    client = raw(rpc.address)
    client.headers(1, FORECAST)
    client.frame(client.DATA, client.END_STREAM, 1)
    _, block = client.until(client.HEADERS, stream=1)
    assert b"the request cannot be read" in block


def test_cancelled_calls_give_their_places_back(rpc, until):
    ask, request = rpc.stub().Forecast, pb.ForecastRequest(symbol="BTC-USD")
    for _ in range(CANCELLED):
        ask.future(request, timeout=30).cancel()
    desk = rpc.server.desk
    until(lambda: not (desk.arriving or desk.leaving or rpc.admission.inflight), seconds=30)
    assert _ask(rpc).symbol == "BTC-USD"


def test_calls_cancelled_while_they_wait_are_not_answered(rpc, until):
    desk = rpc.server.desk
    desk.memory.hold()
    stub = rpc.stub()
    waiting = [stub.Models.future(pb.ModelsRequest(), timeout=30) for _ in range(5)]
    until(lambda: desk.memory.waiting >= 4)
    for call in waiting:
        call.cancel()
    until(lambda: not desk.leaving)
    desk.memory.release()
    assert _ask(rpc).symbol == "BTC-USD"
    until(lambda: rpc.admission.inflight == 0)


def test_streams_that_are_reset_harm_nobody(rpc, raw, until):
    client = raw(rpc.address)
    for number in range(500):
        stream = 2 * number + 1
        client.headers(stream, FORECAST)
        if number % 2:
            client.message(stream, REQUEST)
        client.frame(client.RST_STREAM, 0, stream, struct.pack(">I", 8))
    assert _ask(rpc).symbol == "BTC-USD"
    client.close()
    until(lambda: not (rpc.server.desk.arriving or rpc.admission.inflight))


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    ],
    ids=["HTTP/1.1", "garbage", "unfinished frame", "TLS"],
)
def test_bytes_that_are_no_grpc_harm_nobody(rpc, raw, sent):
    client = raw(rpc.address)
    client.socket.sendall(sent)
    assert _ask(rpc).symbol == "BTC-USD"


def test_frames_at_random_harm_nobody(rpc, raw):
    dice = random.Random(7)
    for _ in range(30):
        client = raw(rpc.address)
        client.headers(1, FORECAST)
        try:
            for _ in range(20):
                kind, flags, stream = dice.randrange(12), dice.randrange(256), dice.randrange(9)
                client.frame(kind, flags, stream, dice.randbytes(dice.randrange(40)))
        except OSError:
            pass  # it hung up, rightly
    assert _ask(rpc).symbol == "BTC-USD"


def test_message_of_ten_megabytes_is_refused_unread(rpc):
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Forecast(pb.ForecastRequest(symbol="B" * 10_000_000), timeout=30)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_message_that_swells_to_more_than_the_limit_is_refused(rpc, raw):
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < rpc.settings.max_body_bytes
    client = raw(rpc.address)
    client.headers(1, FORECAST, **{"grpc-encoding": "gzip"})
    framed = b"\1" + struct.pack(">I", len(bomb)) + bomb
    for start in range(0, len(framed), 16_000):
        client.frame(client.DATA, 0, 1, framed[start : start + 16_000])
    _, block = client.until(client.HEADERS, stream=1)
    assert b"larger than max" in block
    assert _ask(rpc).symbol == "BTC-USD"


def test_metadata_over_the_limit_are_refused(rpc):
    request, metadata = pb.ForecastRequest(symbol="BTC-USD"), (("x", "a" * 20_000),)
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Forecast(request, timeout=30, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert _ask(rpc).symbol == "BTC-USD"


def test_call_past_its_deadline_is_not_answered(rpc, until):
    desk = rpc.server.desk
    desk.memory.hold()
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Forecast(pb.ForecastRequest(symbol="BTC-USD"), timeout=0.05)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    desk.memory.release()
    until(lambda: rpc.admission.inflight == 0)


def test_deadline_of_a_millisecond_harms_nobody(rpc):
    stub = rpc.stub()
    codes = set()
    for _ in range(50):
        try:
            stub.Forecast(pb.ForecastRequest(symbol="BTC-USD"), timeout=0.001)
        except grpc.RpcError as error:
            codes.add(error.code().name)
    assert codes <= {"DEADLINE_EXCEEDED"}
    assert _ask(rpc).symbol == "BTC-USD"


def test_client_that_pings_too_often_is_sent_away(rpc, raw):
    client = raw(rpc.address)
    frame = client.read()
    deadline = time.monotonic() + 30
    while frame is not None and frame[0] != client.GOAWAY:
        assert time.monotonic() < deadline
        with contextlib.suppress(OSError):  # it has hung up; what it said is still to be read
            client.frame(client.PING, 0, 0, bytes(8))
        frame = client.read()
    assert frame is None or b"too_many_pings" in frame[3]
