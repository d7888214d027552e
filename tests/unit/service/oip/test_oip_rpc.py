import struct
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from service.dataplane import DataPlane
from service.proto import inference_pb2 as pb
from service.refusals import UnknownModel
from service.rpc.inference import inference_service
from tidecast.errors import InvalidParameter

Request = pb.ModelInferRequest
Input = pb.ModelInferRequest.InferInputTensor
Contents = pb.InferTensorContents
Wanted = pb.ModelInferRequest.InferRequestedOutputTensor


def _call(plane: DataPlane, method: str, request: Any, response: type[Any]) -> Any:
    called = inference_service(plane).methods[method]
    return response.FromString(called.answer(called.parse(request.SerializeToString())))


def _infer(plane: DataPlane, *inputs: Input, **more: Any) -> pb.ModelInferResponse:
    more.setdefault("model_name", "tidecast")
    response: pb.ModelInferResponse = _call(
        plane, "ModelInfer", Request(inputs=inputs, **more), pb.ModelInferResponse
    )
    return response


def _symbol(**more: Any) -> Input:
    given = {"contents": Contents(bytes_contents=[b"BTC-USD"]), **more}
    return Input(name="symbol", datatype="BYTES", shape=[1], **given)


def _levels(*levels: float) -> Input:
    contents = Contents(fp64_contents=levels)
    return Input(name="quantile_levels", datatype="FP64", shape=[len(levels)], contents=contents)


SYMBOL = _symbol()
BARE = _symbol(contents=None)
RAW_SYMBOL = struct.pack("<I", 7) + b"BTC-USD"


def _outputs(response: pb.ModelInferResponse) -> dict[str, list[Any]]:
    found = {}
    for output in response.outputs:
        ((_, values),) = output.contents.ListFields()
        found[output.name] = list(values)
    return found


def _plain(parameter: pb.InferParameter) -> Any:
    return getattr(parameter, parameter.WhichOneof("parameter_choice"))


def test_infer_gives_the_numbers_of_the_data_plane_to_the_last_bit(serving) -> None:
    answer = serving.forecast("BTC-USD", "1h", None, [0.05, 0.95])
    outputs = _outputs(_infer(serving, SYMBOL, _levels(0.05, 0.95)))
    forecast = answer.snapshot.forecast
    assert outputs["mean"] == forecast.mean.tolist()
    assert outputs["quantiles"] == forecast.quantiles[:, list(answer.levels)].ravel().tolist()
    assert outputs["quantile_levels"] == [0.05, 0.95]
    assert outputs["timestamps"][0] == 1738321200000


def test_infer_tells_what_it_stands_on(serving, board, market) -> None:
    board.trouble(market, "store", "the store is away")
    response = _infer(serving, SYMBOL, id="a7")
    assert (response.model_name, response.model_version, response.id) == ("tidecast", "7", "a7")
    assert {name: _plain(value) for name, value in response.parameters.items()} == {
        "symbol": "BTC-USD",
        "interval": "1h",
        "cutoff": "2025-01-31T10:00:00Z",
        "model_version": "7",
        "trained_at": "2025-01-30T10:00:00Z",
        "promoted_at": "2025-01-31T05:00:00Z",
        "source": "coinbase:BTC-USD",
        "simulated": False,
        "data_age_seconds": 1800.0,
        "degraded": "the store is away",
    }


def test_infer_answers_raw_inputs_with_raw_outputs(serving) -> None:
    response = _infer(serving, BARE, raw_input_contents=[RAW_SYMBOL])
    typed = _outputs(_infer(serving, SYMBOL))
    assert [list(output.shape) for output in response.outputs] == [[4], [4], [4, 3], [3]]
    assert not any(output.HasField("contents") for output in response.outputs)
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        code = {"INT64": "q", "FP64": "d"}[output.datatype]
        assert list(struct.unpack(f"<{len(raw) // 8}{code}", raw)) == typed[output.name]


def test_infer_takes_raw_inputs_with_empty_contents_beside_them(serving) -> None:
    assert _infer(serving, _symbol(contents=Contents()), raw_input_contents=[RAW_SYMBOL]).outputs


def test_infer_gives_the_outputs_asked_in_their_order(serving) -> None:
    asked = [Wanted(name="quantiles"), Wanted(name="mean")]
    response = _infer(serving, SYMBOL, outputs=asked)
    assert [output.name for output in response.outputs] == ["quantiles", "mean"]
    raw = _infer(serving, BARE, outputs=asked, raw_input_contents=[RAW_SYMBOL])
    assert [len(content) for content in raw.raw_output_contents] == [96, 32]


def test_infer_ignores_parameters_that_it_does_not_know(serving) -> None:
    parameters = {"content_type": pb.InferParameter(string_param="np")}
    assert _infer(serving, _symbol(parameters=parameters), parameters=parameters).outputs


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request(), "inputs"),
        (Request(inputs=[_levels(0.5)]), "inputs"),
        (Request(inputs=[Input(name="x")]), "inputs"),
        (Request(inputs=[SYMBOL, SYMBOL]), "symbol"),
        (Request(inputs=[BARE]), "symbol"),
        (Request(inputs=[BARE, BARE], raw_input_contents=[RAW_SYMBOL]), "raw_input_contents"),
        (Request(inputs=[SYMBOL], raw_input_contents=[RAW_SYMBOL]), "symbol"),
        (Request(raw_input_contents=[RAW_SYMBOL]), "raw_input_contents"),
        (Request(inputs=[BARE], raw_input_contents=[b"BTC-USD"]), "symbol"),
        (Request(inputs=[BARE], raw_input_contents=[b""]), "symbol"),
        (Request(inputs=[_symbol(contents=Contents(int64_contents=[1]))]), "symbol"),
        (
            Request(
                inputs=[_symbol(contents=Contents(bytes_contents=[b"BTC-USD"], fp64_contents=[1]))]
            ),
            "symbol",
        ),
        (Request(inputs=[_symbol(contents=Contents(bytes_contents=[b"\xff"]))]), "symbol"),
        (Request(inputs=[SYMBOL, _levels(float("nan"))]), "quantile_levels"),
        (Request(inputs=[SYMBOL, _levels(0.5, 0.5)]), "quantile_levels"),
        (Request(inputs=[SYMBOL, _levels()]), "quantile_levels"),
        (Request(inputs=[SYMBOL], outputs=[Wanted(name="median")]), "outputs"),
        (Request(inputs=[SYMBOL], outputs=[Wanted(name="mean")] * 2), "outputs"),
    ],
)
def test_infer_refuses_and_names_the_field(serving, request_: Request, field: str) -> None:
    request_.model_name = "tidecast"
    with pytest.raises(InvalidParameter) as refused:
        _call(serving, "ModelInfer", request_, pb.ModelInferResponse)
    assert refused.value.field == field
    assert refused.value.allowed and len(str(refused.value)) < 200


def test_typed_contents_of_another_type_are_told_where_they_belong(serving) -> None:
    wrong = _symbol(contents=Contents(int64_contents=[1]))
    with pytest.raises(InvalidParameter, match="int64_contents") as refused:
        _infer(serving, wrong)
    assert refused.value.allowed == "bytes_contents"


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x01\xff", b"\x0a\x05abc"])
def test_parse_raises_what_the_server_expects_of_bytes_that_are_no_message(
    serving, body: bytes
) -> None:
    with pytest.raises(DecodeError):
        inference_service(serving).methods["ModelInfer"].parse(body)


@pytest.mark.parametrize(
    ("name", "version", "field"), [("iris", "", "model_name"), ("tidecast", "6", "model_version")]
)
def test_unknown_model_or_version_is_refused(serving, name: str, version: str, field: str) -> None:
    for method, request, response in [
        ("ModelReady", pb.ModelReadyRequest(name=name, version=version), pb.ModelReadyResponse),
        (
            "ModelMetadata",
            pb.ModelMetadataRequest(name=name, version=version),
            pb.ModelMetadataResponse,
        ),
        (
            "ModelInfer",
            Request(model_name=name, model_version=version, inputs=[SYMBOL]),
            pb.ModelInferResponse,
        ),
    ]:
        with pytest.raises(UnknownModel) as refused:
            _call(serving, method, request, response)
        assert refused.value.field == field


def test_infer_of_the_serving_version_answers(serving) -> None:
    assert _infer(serving, SYMBOL, model_version="7").model_version == "7"


def test_server_is_live_ready_and_described(serving) -> None:
    metadata = _call(
        serving, "ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse
    )
    assert _call(serving, "ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse).live
    assert _call(serving, "ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready
    assert (metadata.name, list(metadata.extensions)) == ("tidecast", ["binary_tensor_data"])


def test_server_without_a_forecast_is_live_and_not_ready(plane) -> None:
    ready = pb.ModelReadyRequest(name="tidecast")
    assert _call(plane, "ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse).live
    assert not _call(plane, "ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready
    assert not _call(plane, "ModelReady", ready, pb.ModelReadyResponse).ready


def test_model_is_described_as_over_http(serving) -> None:
    request = pb.ModelMetadataRequest(name="tidecast")
    model = _call(serving, "ModelMetadata", request, pb.ModelMetadataResponse)
    assert (model.name, list(model.versions)) == ("tidecast", ["7"])
    assert [(t.name, t.datatype, list(t.shape)) for t in model.inputs] == [
        ("symbol", "BYTES", [1]),
        ("interval", "BYTES", [1]),
        ("horizon", "INT64", [1]),
        ("quantile_levels", "FP64", [-1]),
    ]
    assert [(t.name, t.datatype, list(t.shape)) for t in model.outputs] == [
        ("timestamps", "INT64", [-1]),
        ("mean", "FP64", [-1]),
        ("quantiles", "FP64", [-1, -1]),
        ("quantile_levels", "FP64", [-1]),
    ]


def test_only_the_probes_of_the_server_are_exempt(serving) -> None:
    methods = inference_service(serving).methods
    assert {name for name, method in methods.items() if method.exempt} == {
        "ServerLive",
        "ServerReady",
    }
