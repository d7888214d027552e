"""The Open Inference Protocol over gRPC, asked of the running service by generated stubs."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from service.proto import inference_pb2 as pb
from service.proto.inference_pb2_grpc import GRPCInferenceServiceStub

pytestmark = pytest.mark.timeout(180)
Request = pb.ModelInferRequest
Input = pb.ModelInferRequest.InferInputTensor
Contents = pb.InferTensorContents
SECONDS = 30
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def channel(server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(
        server.rpc, options=[("grpc.max_send_message_length", -1)]
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> GRPCInferenceServiceStub:
    return GRPCInferenceServiceStub(channel)


def _text(name: str, *values: bytes, **more: Any) -> Input:
    given = {"shape": [len(values)], "contents": Contents(bytes_contents=values), **more}
    return Input(name=name, datatype="BYTES", **given)


def _whole(name: str, *values: int) -> Input:
    contents = Contents(int64_contents=values)
    return Input(name=name, datatype="INT64", shape=[len(values)], contents=contents)


def _real(name: str, *values: float, shape: list[int] | None = None) -> Input:
    contents = Contents(fp64_contents=values)
    return Input(name=name, datatype="FP64", shape=shape or [len(values)], contents=contents)


SYMBOL = _text("symbol", b"BTC-USD")
BARE = _text("symbol", b"BTC-USD", contents=None)
RAW = struct.pack("<I", 7) + b"BTC-USD"


def _infer(stub: GRPCInferenceServiceStub, *inputs: Input, **more: Any) -> pb.ModelInferResponse:
    more.setdefault("model_name", "tidecast")
    answer: pb.ModelInferResponse = stub.ModelInfer(Request(inputs=inputs, **more), timeout=SECONDS)
    return answer


def _refused(stub: GRPCInferenceServiceStub, *inputs: Input, **more: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as refused:
        _infer(stub, *inputs, **more)
    return refused.value


def _details(error: Any) -> tuple[ErrorInfo, BadRequest]:
    info, bad = ErrorInfo(), BadRequest()
    for packed in rpc_status.from_call(error).details:
        for shape in (info, bad):
            packed.Unpack(shape)
    return info, bad


@pytest.mark.parametrize("raw", [False, True])
def test_infer_has_the_numbers_of_the_forecast_to_the_last_bit(
    server, stub: GRPCInferenceServiceStub, raw: bool
) -> None:
    steps = server.get("/v1/forecasts/BTC-USD").json()["steps"]
    if raw:
        contents = _infer(stub, BARE, raw_input_contents=[RAW]).raw_output_contents
        values = [struct.unpack(f"<{len(content) // 8}d", content) for content in contents]
    else:
        values = [tuple(o.contents.fp64_contents) for o in _infer(stub, SYMBOL).outputs]
    assert values[1] == tuple(step["mean"] for step in steps)
    assert values[2] == tuple(price for step in steps for price in step["quantiles"].values())


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ([], "inputs"),
        ([_whole("horizon", 6)], "inputs"),
        ([SYMBOL, _whole("steps", 6)], "inputs"),
        ([SYMBOL, SYMBOL], "symbol"),
        ([_text("symbol", b"BTC-USD", b"ETH-USD")], "symbol"),
        ([_text("symbol", b"\xff\xfe")], "symbol"),
        ([_text("symbol", b"BTC-USD", shape=[2])], "symbol"),
        ([BARE], "symbol"),
        ([SYMBOL, _whole("horizon", 0)], "horizon"),
        ([SYMBOL, _whole("horizon", -1)], "horizon"),
        ([SYMBOL, _whole("horizon", 10**9)], "horizon"),
        ([SYMBOL, _real("horizon", 6.0)], "horizon"),
        ([SYMBOL, _real("quantile_levels", float("nan"))], "quantile_levels"),
        ([SYMBOL, _real("quantile_levels", 0.5, 0.5)], "quantile_levels"),
        ([SYMBOL, _real("quantile_levels", 0.5, shape=[10**18])], "quantile_levels"),
        ([SYMBOL, _real("quantile_levels", 0.5, shape=[-1])], "quantile_levels"),
    ],
)
def test_bad_tensor_is_the_callers_fault_and_named(
    stub: GRPCInferenceServiceStub, inputs: list[Input], field: str
) -> None:
    error = _refused(stub, *inputs)
    info, bad = _details(error)
    assert error.code() == INVALID
    assert (info.domain, info.reason) == ("tidecast", "INVALID_PARAMETER")
    assert info.metadata["field"] == bad.field_violations[0].field == field


@pytest.mark.parametrize(
    ("inputs", "raw"),
    [([SYMBOL], [RAW]), ([BARE, BARE], [RAW]), ([BARE], [RAW[:-1]]), ([BARE], [RAW + b"\0"])],
)
def test_bad_raw_contents_are_the_callers_fault(
    stub: GRPCInferenceServiceStub, inputs: list[Input], raw: list[bytes]
) -> None:
    assert _refused(stub, *inputs, raw_input_contents=raw).code() == INVALID


def test_unknown_output_is_the_callers_fault(stub: GRPCInferenceServiceStub) -> None:
    median = Request.InferRequestedOutputTensor(name="median")
    info, _ = _details(_refused(stub, SYMBOL, outputs=[median]))
    assert info.metadata["field"] == "outputs"
    assert "quantiles" in json.loads(info.metadata["allowed"])


@pytest.mark.parametrize(
    ("inputs", "more", "code"),
    [
        ([_text("symbol", b"DOGE-USD")], {}, grpc.StatusCode.NOT_FOUND),
        ([_text("symbol", b"SOL-USD")], {}, grpc.StatusCode.UNAVAILABLE),
        ([SYMBOL], {"model_name": "iris"}, grpc.StatusCode.NOT_FOUND),
        ([SYMBOL], {"model_name": ""}, grpc.StatusCode.NOT_FOUND),
        ([SYMBOL], {"model_version": "99"}, grpc.StatusCode.NOT_FOUND),
    ],
)
def test_other_faults_have_their_status(
    stub: GRPCInferenceServiceStub, inputs: list[Input], more: Any, code: grpc.StatusCode
) -> None:
    assert _refused(stub, *inputs, **more).code() == code


def test_message_of_200_megabytes_is_refused(stub: GRPCInferenceServiceStub) -> None:
    error = _refused(stub, SYMBOL, id="x" * 200 * 1024 * 1024)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert _infer(stub, SYMBOL).outputs


def test_bytes_that_are_no_message_are_the_callers_fault(channel: grpc.Channel) -> None:
    ask = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    with pytest.raises(grpc.RpcError) as refused:
        ask(b"\xff\xff", timeout=SECONDS)
    assert refused.value.code() == INVALID


def test_calls_are_counted_by_method(server, stub: GRPCInferenceServiceStub) -> None:
    _infer(stub, SYMBOL)
    assert 'method="inference.GRPCInferenceService/ModelInfer"' in server.get("/metrics").text
