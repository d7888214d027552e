"""Keys and places apply to the inference protocol, and its probes need neither."""

import hashlib
import json
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from service.oip.messages import InferenceError
from service.proto import inference_pb2 as pb
from service.proto.inference_pb2_grpc import GRPCInferenceServiceStub

pytestmark = pytest.mark.timeout(180)
KEY = "a-key-of-a-test"
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
MODEL = "/v2/models/tidecast"
UNANSWERED_SECONDS = 0.5
HEALTH = ("/v2/health/live", "/v2/health/ready")
SYMBOL = {"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]}
REQUEST = pb.ModelInferRequest(
    model_name="tidecast",
    inputs=[
        pb.ModelInferRequest.InferInputTensor(
            name="symbol",
            datatype="BYTES",
            shape=[1],
            contents=pb.InferTensorContents(bytes_contents=[b"BTC-USD"]),
        )
    ],
)


@pytest.fixture(scope="module")
def guarded(installation) -> Any:
    """A service with one key and one place."""
    keys = {"tester": hashlib.sha256(KEY.encode()).hexdigest()}
    running = installation.serve(
        TIDECAST_SERVICE__API_KEYS=json.dumps(keys), TIDECAST_SERVICE__MAX_INFLIGHT_REQUESTS="1"
    )
    running.wait(lambda: _post(running).status_code == 200)
    return running


@pytest.fixture(scope="module")
def stub(guarded) -> Iterator[GRPCInferenceServiceStub]:
    with grpc.insecure_channel(guarded.rpc) as channel:
        yield GRPCInferenceServiceStub(channel)


def _post(guarded, **headers: str) -> Any:
    return guarded.session.post(
        f"{guarded.url}{MODEL}/infer",
        json={"inputs": [SYMBOL]},
        headers=WITH_KEY | headers,
        timeout=30,
    )


def _infer(stub: GRPCInferenceServiceStub, key: str | None = KEY) -> grpc.StatusCode:
    metadata = [] if key is None else [("authorization", f"Bearer {key}")]
    try:
        stub.ModelInfer(REQUEST, metadata=metadata, timeout=30)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


@contextmanager
def _only_place_taken(guarded) -> Iterator[None]:
    """By a request whose body does not come."""
    place = urlsplit(guarded.url)
    head = (
        f"POST {MODEL}/infer HTTP/1.1\r\nHost: {place.netloc}\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: 10\r\n\r\n"
    )

    def unanswered() -> socket.socket | None:
        connection = socket.create_connection((place.hostname, place.port), timeout=30)
        connection.sendall(head.encode())
        if not select.select([connection], [], [], UNANSWERED_SECONDS)[0]:
            return connection
        connection.close()  # another request was about to give the place back
        return None

    with guarded.wait(unanswered):
        guarded.wait(lambda: _post(guarded).status_code == 429)
        yield
    guarded.wait(lambda: _post(guarded).status_code == 200)


def test_inference_without_a_key_is_refused_on_both_transports(guarded, stub) -> None:
    response = guarded.session.get(f"{guarded.url}{MODEL}", timeout=30)
    error = InferenceError.model_validate_json(response.content)
    assert (response.status_code, error.code) == (401, "unauthenticated")
    assert _infer(stub, key=None) == grpc.StatusCode.UNAUTHENTICATED
    assert _infer(stub, key="another") == grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
        stub.ModelReady(pb.ModelReadyRequest(name="tidecast"), timeout=30)


def test_inference_with_a_key_answers_on_both_transports(guarded, stub) -> None:
    assert _post(guarded).status_code == 200
    assert _infer(stub) == grpc.StatusCode.OK


def test_probes_need_no_key(guarded, stub) -> None:
    assert [guarded.get(path).status_code for path in HEALTH] == [200, 200]
    assert stub.ServerLive(pb.ServerLiveRequest(), timeout=30).live
    assert stub.ServerReady(pb.ServerReadyRequest(), timeout=30).ready


def test_inference_beyond_the_places_is_refused_and_probes_are_not(guarded, stub) -> None:
    with _only_place_taken(guarded):
        refused = _post(guarded)
        assert InferenceError.model_validate_json(refused.content).code == "overloaded"
        assert refused.headers["Retry-After"]
        assert _infer(stub) == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert [guarded.get(path).status_code for path in HEALTH] == [200, 200]
        assert stub.ServerLive(pb.ServerLiveRequest(), timeout=30).live
        assert stub.ServerReady(pb.ServerReadyRequest(), timeout=30).ready
    guarded.wait(lambda: _infer(stub) == grpc.StatusCode.OK)
