"""Random bytes and random requests against the inference service of the running process."""

import struct
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from service.proto import inference_pb2 as pb

SERVICE = "inference.GRPCInferenceService"
METHODS = (
    "ServerLive",
    "ServerReady",
    "ModelReady",
    "ServerMetadata",
    "ModelMetadata",
    "ModelInfer",
)
CALLERS_FAULT = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""UNAVAILABLE is a market without a forecast, RESOURCE_EXHAUSTED a message over the limit."""
pytestmark = pytest.mark.timeout(300)
often = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def logged_before(server) -> int:
    """How much the process, which other modules use too, had logged before this one, in bytes."""
    return len(server.log.read_bytes())


@pytest.fixture(scope="module")
def channel(server, logged_before: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.rpc) as opened:
        yield opened


def _ask(channel: grpc.Channel, method: str, request: bytes) -> grpc.StatusCode:
    """The status of a call whose answer, if there is one, is a message."""
    try:
        answer = channel.unary_unary(f"/{SERVICE}/{method}")(request, timeout=60)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    getattr(pb, f"{method}Response").FromString(answer)
    return grpc.StatusCode.OK


def _usually(good: Any, other: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.one_of(st.just(good), st.just(good), other)


_int64 = st.integers(-(2**63), 2**63 - 1)
_name = st.sampled_from(["symbol", "interval", "horizon", "quantile_levels", "steps", ""])
_datatype = st.sampled_from(["BYTES", "INT64", "FP64", "FP32", "INT32", "BOOL", "x", ""])
_shape = st.one_of(
    st.just([1]), st.just([1, 1]), st.lists(st.one_of(st.integers(0, 4), _int64), max_size=4)
)
_text = st.one_of(
    st.sampled_from([b"BTC-USD", b"ETH-USD", b"SOL-USD", b"1h", b"\xff"]), st.binary(max_size=40)
)
_real = st.one_of(st.sampled_from([0.05, 0.5, 0.95]), st.floats())
_contents = st.builds(
    pb.InferTensorContents,
    bytes_contents=st.lists(_text, max_size=2),
    int64_contents=st.lists(st.one_of(st.integers(-1, 30), _int64), max_size=2),
    fp64_contents=st.lists(_real, max_size=4),
    fp32_contents=st.lists(st.floats(width=32), max_size=1),
)
_raw = st.one_of(
    _text.map(lambda text: struct.pack("<I", len(text)) + text),
    st.lists(_int64, max_size=2).map(lambda values: struct.pack(f"<{len(values)}q", *values)),
    st.lists(_real, max_size=3).map(lambda values: struct.pack(f"<{len(values)}d", *values)),
    st.binary(max_size=40),
)
_parameter = st.one_of(
    st.booleans().map(lambda value: pb.InferParameter(bool_param=value)),
    st.text(max_size=8).map(lambda value: pb.InferParameter(string_param=value)),
    st.just(pb.InferParameter()),
)
_parameters = st.dictionaries(st.text(max_size=8), _parameter, max_size=2)
Input = pb.ModelInferRequest.InferInputTensor
_sound = [
    (
        Input(name=name, datatype=datatype, shape=[1], contents=contents),
        Input(name=name, datatype=datatype, shape=[1]),
        raw,
    )
    for name, datatype, contents, raw in [
        (
            "symbol",
            "BYTES",
            pb.InferTensorContents(bytes_contents=[b"BTC-USD"]),
            b"\7\0\0\0BTC-USD",
        ),
        ("horizon", "INT64", pb.InferTensorContents(int64_contents=[3]), struct.pack("<q", 3)),
        (
            "quantile_levels",
            "FP64",
            pb.InferTensorContents(fp64_contents=[0.5]),
            b"\0" * 6 + b"\xe0?",
        ),
    ]
]
_tensor = st.builds(
    Input,
    name=_name,
    datatype=_datatype,
    shape=_shape,
    parameters=_parameters,
    contents=st.one_of(st.none(), _contents),
)
_wanted = st.builds(
    pb.ModelInferRequest.InferRequestedOutputTensor,
    name=_usually(
        "mean", st.sampled_from(["quantiles", "timestamps", "quantile_levels", "median"])
    ),
    parameters=_parameters,
)


@st.composite
def _requests(draw: st.DrawFn) -> pb.ModelInferRequest:
    """Mostly sound tensors, typed or raw, with at most a few that are anything."""
    raw = draw(st.booleans())
    sound = [_sound[0], *draw(st.lists(st.sampled_from(_sound[1:]), max_size=2, unique_by=id))]
    inputs = [bare if raw else typed for typed, bare, _ in sound]
    contents = [content for *_, content in sound] if raw else []
    for tensor in draw(_usually([], st.lists(_tensor, min_size=1, max_size=2))):
        place = draw(st.integers(0, len(inputs)))
        if raw:
            tensor.ClearField("contents")
            contents.insert(place, draw(_raw))
        inputs.insert(place, tensor)
    for content in draw(_usually([], _usually([], st.lists(_raw, max_size=2)))):
        contents.insert(draw(st.integers(0, len(contents))), content)
    return pb.ModelInferRequest(
        model_name=draw(_usually("tidecast", st.text(max_size=8))),
        model_version=draw(_usually("", st.sampled_from(["1", "99", "\0"]))),
        id=draw(st.text(max_size=8)),
        parameters=draw(_parameters),
        inputs=inputs,
        outputs=draw(_usually([], st.lists(_wanted, max_size=2))),
        raw_input_contents=contents,
    )


_request = _requests()


@often
@given(method=st.sampled_from(METHODS), request_=st.binary(max_size=200))
def test_random_bytes_are_answered_or_the_callers_fault(
    channel: grpc.Channel, method: str, request_: bytes
) -> None:
    assert _ask(channel, method, request_) in {grpc.StatusCode.OK, *CALLERS_FAULT}


@often
@given(request_=_request)
def test_random_requests_are_answered_or_the_callers_fault(
    channel: grpc.Channel, request_: pb.ModelInferRequest
) -> None:
    code = _ask(channel, "ModelInfer", request_.SerializeToString())
    assert code in {grpc.StatusCode.OK, *CALLERS_FAULT}


@often
@given(request_=_request, place=st.integers(0, 400), byte=st.integers(0, 255))
def test_damaged_requests_are_answered_or_the_callers_fault(
    channel: grpc.Channel, request_: pb.ModelInferRequest, place: int, byte: int
) -> None:
    damaged = bytearray(request_.SerializeToString() or b"\0")
    damaged[place % len(damaged)] = byte
    assert _ask(channel, "ModelInfer", bytes(damaged)) in {grpc.StatusCode.OK, *CALLERS_FAULT}


def test_nothing_of_that_is_an_error_in_the_log(
    server, channel: grpc.Channel, logged_before: int
) -> None:
    assert _ask(channel, "ServerLive", b"") == grpc.StatusCode.OK
    assert server.process.poll() is None
    text = server.log.read_bytes()[logged_before:].decode()
    assert '"level": "error"' not in text and "Traceback" not in text, text[-4000:]
