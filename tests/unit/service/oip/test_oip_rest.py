import asyncio
import json
import struct
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs

from service.dataplane import DataPlane
from service.oip import messages
from service.oip.messages import InferenceError, InferenceResponse
from service.oip.rest import InferenceRest
from service.rest.front import Front

INFER = "/v2/models/tidecast/infer"
SYMBOL = {"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]}
LEVELS = {"name": "quantile_levels", "shape": [2], "datatype": "FP64", "data": [0.05, 0.95]}
HEADER = "Inference-Header-Content-Length"


async def _boom(request: Request) -> Response:
    raise RuntimeError("secret detail")


def _ask(plane: DataPlane, method: str, path: str, **more: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        routes = [*InferenceRest(plane, 65_536).routes(), Route("/v2/boom", _boom)]
        front = httpx.ASGITransport(Front(routes, Starlette()))
        async with httpx.AsyncClient(transport=front, base_url="http://test") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


def _infer(plane: DataPlane, *inputs: dict[str, Any], **more: Any) -> httpx.Response:
    return _ask(plane, "POST", INFER, json={"inputs": inputs, **more})


def _binary(plane: DataPlane, header: dict[str, Any], blob: bytes, **more: Any) -> httpx.Response:
    text = json.dumps(header).encode()
    headers = {HEADER: str(len(text)), **more}
    return _ask(plane, "POST", INFER, content=text + blob, headers=headers)


def _error(response: httpx.Response) -> InferenceError:
    assert response.headers["content-type"] == "application/json"
    return InferenceError.model_validate_json(response.content)


def test_infer_answers_what_its_message_describes(serving) -> None:
    response = _infer(serving, SYMBOL, id='a"b', parameters={"content_type": "np"})
    answer = InferenceResponse.model_validate_json(response.content)
    assert response.status_code == 200
    assert (answer.model_name, answer.model_version, answer.id) == ("tidecast", "7", 'a"b')
    assert answer.parameters.data_age_seconds == 1800.0
    assert answer.parameters.degraded == ""
    assert [output.shape for output in answer.outputs] == [[4], [4], [4, 3], [3]]


def test_infer_without_an_id_answers_without_one(serving) -> None:
    assert "id" not in _infer(serving, SYMBOL).json()


def test_infer_gives_the_numbers_of_the_data_plane_to_the_last_bit(serving) -> None:
    answer = serving.forecast("BTC-USD", "1h", None, [0.05, 0.95])
    outputs = {
        output["name"]: output["data"]
        for output in _infer(serving, SYMBOL, LEVELS).json()["outputs"]
    }
    forecast = answer.snapshot.forecast
    assert outputs["mean"] == forecast.mean.tolist()
    assert outputs["quantiles"] == forecast.quantiles[:, list(answer.levels)].ravel().tolist()


def test_infer_says_what_is_degraded(serving, board, market) -> None:
    board.trouble(market, "store", 'the "store" is away')
    assert _infer(serving, SYMBOL).json()["parameters"]["degraded"] == 'the "store" is away'


def test_infer_gives_the_outputs_asked_in_their_order(serving) -> None:
    asked = _infer(serving, SYMBOL, outputs=[{"name": "quantiles"}, {"name": "mean"}])
    assert [output["name"] for output in asked.json()["outputs"]] == ["quantiles", "mean"]


@pytest.mark.parametrize("nothing", [None, []])
def test_infer_gives_all_outputs_when_none_is_named(serving, nothing: Any) -> None:
    assert len(_infer(serving, SYMBOL, outputs=nothing).json()["outputs"]) == 4


def test_infer_takes_binary_inputs_in_their_order(serving) -> None:
    symbol = {**SYMBOL, "parameters": {"binary_data_size": 11}}
    horizon = {"name": "horizon", "shape": [1], "datatype": "INT64"}
    horizon["parameters"] = {"binary_data_size": 8}
    del symbol["data"]
    blob = struct.pack("<q", 2) + struct.pack("<I", 7) + b"BTC-USD"
    response = _binary(serving, {"inputs": [horizon, symbol, LEVELS]}, blob)
    assert [output["shape"] for output in response.json()["outputs"]] == [[2], [2], [2, 2], [2]]


def test_infer_puts_all_outputs_behind_the_json_when_asked(serving) -> None:
    response = _infer(serving, SYMBOL, parameters={"binary_data_output": True})
    length = int(response.headers[HEADER])
    header, blob = json.loads(response.content[:length]), response.content[length:]
    sizes = [output["parameters"]["binary_data_size"] for output in header["outputs"]]
    assert response.headers["content-type"] == "application/octet-stream"
    assert sizes == [32, 32, 96, 24] and len(blob) == sum(sizes)
    assert not any("data" in output for output in header["outputs"])
    assert struct.unpack("<4d", blob[32:64]) == (100.1,) * 4


def test_infer_puts_single_outputs_behind_the_json_when_asked(serving) -> None:
    outputs = [
        {"name": "mean", "parameters": {"binary_data": True}},
        {"name": "timestamps", "parameters": {"binary_data": False}},
    ]
    response = _infer(serving, SYMBOL, outputs=outputs, parameters={"binary_data_output": True})
    length = int(response.headers[HEADER])
    mean, timestamps = json.loads(response.content[:length])["outputs"]
    assert mean["parameters"] == {"binary_data_size": 32} and "data" not in mean
    assert len(timestamps["data"]) == 4
    assert len(response.content) - length == 32


def _without(tensor: dict[str, Any], left_out: str, /, **more: Any) -> dict[str, Any]:
    return {**{key: value for key, value in tensor.items() if key != left_out}, **more}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [LEVELS]}, "inputs"),
        ({"inputs": [SYMBOL, SYMBOL]}, "symbol"),
        ({"inputs": [SYMBOL], "id": 5}, "id"),
        ({"inputs": [SYMBOL], "extra": 1}, "extra"),
        ({"inputs": [SYMBOL], "parameters": []}, "parameters"),
        ({"inputs": [SYMBOL], "parameters": {"binary_data_output": 1}}, "binary_data_output"),
        ({"inputs": [SYMBOL], "outputs": [{"name": "median"}]}, "outputs"),
        ({"inputs": [SYMBOL], "outputs": [{"name": "mean"}] * 2}, "outputs"),
        (
            {"inputs": [SYMBOL], "outputs": [{"name": "mean", "parameters": {"binary_data": 0}}]},
            "binary_data",
        ),
        ({"inputs": [_without(SYMBOL, "data")]}, "symbol"),
        ({"inputs": [_without(SYMBOL, "data", data="BTC-USD")]}, "inputs.0.data"),
        ({"inputs": [_without(SYMBOL, "shape")]}, "inputs.0.shape"),
        ({"inputs": [_without(SYMBOL, "shape", shape=[1.5])]}, "inputs.0.shape.0"),
        ({"inputs": [_without(SYMBOL, "shape", shape=[-1])]}, "symbol"),
        ({"inputs": [_without(SYMBOL, "shape", shape=[10**18])]}, "symbol"),
        ({"inputs": [_without(SYMBOL, "datatype", datatype="FP32")]}, "symbol"),
        ({"inputs": [_without(SYMBOL, "x", parameters={"binary_data_size": 3})]}, "symbol"),
        ({"inputs": [_without(SYMBOL, "data", parameters={"binary_data_size": 3})]}, "symbol"),
        ({"inputs": [_without(SYMBOL, "name", name="x" * 1000)]}, "inputs"),
    ],
)
def test_infer_refuses_a_bad_body_and_names_the_field(
    serving, body: dict[str, Any], field: str
) -> None:
    response = _ask(serving, "POST", INFER, json=body)
    error = _error(response)
    assert (response.status_code, error.code, error.field) == (400, "invalid_parameter", field)
    assert error.allowed and len(error.error) < 300


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"inputs":[{"name":"symbol","shape":[1],"datatype":"BYTES","data":["\\ud800"]}]}',
        b'{"inputs":[{"name":"horizon","shape":[1],"datatype":"INT64","data":[NaN]}]}',
        b'{"inputs":[{"name":"horizon","shape":[1],"datatype":"INT64","data":[Infinity]}]}',
        b'{"inputs":[{"name":"horizon","shape":[1],"datatype":"INT64","data":[1e999]}]}',
        b'{"inputs":[{"name":"horizon","shape":[1],"datatype":"INT64","data":[%b]}]}'
        % (b"9" * 9000),
        b'{"inputs":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"inputs":[{"name":"symbol","shape":[1],"datatype":"BYTES","data":'
        + b"[" * 150
        + b"]" * 150
        + b"}]}",
    ],
)
def test_infer_refuses_what_is_no_json_of_a_request(serving, content: bytes) -> None:
    with capture_logs() as lines:
        response = _ask(serving, "POST", INFER, content=content)
    assert response.status_code == 400
    assert len(_error(response).error) < 300
    assert lines == []


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [{}] * 9999},
        {"inputs": [SYMBOL], "outputs": [{}] * 9999},
        {"inputs": [{**SYMBOL, "shape": [""] * 9999}]},
    ],
)
def test_reading_stops_at_the_first_wrong_element(body: dict[str, Any]) -> None:
    """Each error costs a list entry; ten thousand of them would stop every other request."""
    with pytest.raises(ValidationError) as refused:
        messages.InferenceRequest.model_validate_json(json.dumps(body))
    assert refused.value.error_count() < 5


@pytest.mark.parametrize("length", ["x", "-1", "999999", "1e3", "", "9" * 30, "²"])
def test_infer_refuses_a_header_length_that_the_body_has_not(serving, length: str) -> None:
    headers = {HEADER: length.encode("latin-1", "replace")}
    response = _ask(
        serving, "POST", INFER, content=json.dumps({"inputs": [SYMBOL]}).encode(), headers=headers
    )
    assert response.status_code == 400
    assert _error(response).field == HEADER


def test_infer_refuses_bytes_that_no_tensor_claims(serving) -> None:
    error = _error(_binary(serving, {"inputs": [SYMBOL]}, b"more"))
    assert error.field == "body" and "4 bytes" in error.error


@pytest.mark.parametrize("size", [-1, 12, "11", 11.0, True, None])
def test_infer_refuses_a_binary_size_that_the_body_has_not(serving, size: Any) -> None:
    symbol = _without(SYMBOL, "data", parameters={"binary_data_size": size})
    error = _error(_binary(serving, {"inputs": [symbol]}, struct.pack("<I", 7) + b"BTC-USD"))
    assert error.field == "symbol"


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Encoding": "br"}])
def test_infer_refuses_another_media_type_or_coding(serving, headers: dict[str, str]) -> None:
    response = _ask(
        serving, "POST", INFER, content=json.dumps({"inputs": [SYMBOL]}), headers=headers
    )
    assert response.status_code == 415
    assert _error(response).field == next(iter(headers))


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v2/models/iris/infer", "model_name"),
        ("/v2/models/tidecast/versions/6/infer", "model_version"),
    ],
)
def test_infer_of_what_does_not_serve_is_not_found(serving, path: str, field: str) -> None:
    response = _ask(serving, "POST", path, json={"inputs": [SYMBOL]})
    assert response.status_code == 404
    assert (_error(response).code, _error(response).field) == ("unknown_model", field)


def test_infer_of_a_version_answers(serving) -> None:
    path = "/v2/models/tidecast/versions/7/infer"
    assert _ask(serving, "POST", path, json={"inputs": [SYMBOL]}).json()["model_version"] == "7"


def test_infer_without_a_forecast_asks_to_come_back(plane) -> None:
    response = _infer(plane, SYMBOL)
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert _error(response).code == "forecast_unavailable"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/nothing", 404, "not_found"),
        ("GET", "/v2/models", 404, "not_found"),
        ("GET", INFER, 405, "method_not_allowed"),
        ("POST", "/v2", 405, "method_not_allowed"),
        ("GET", "/v2/boom", 500, "internal"),
    ],
)
def test_every_error_below_v2_has_the_protocols_shape(
    serving, method: str, path: str, status: int, code: str
) -> None:
    with capture_logs():
        response = _ask(serving, method, path)
    error = _error(response)
    assert (response.status_code, error.code) == (status, code)
    assert (error.correlation_id is not None) == (status == 500)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v2", messages.ServerMetadata),
        ("/v2/health/live", messages.ServerLive),
        ("/v2/health/ready", messages.ServerReady),
        ("/v2/models/tidecast", messages.ModelMetadata),
        ("/v2/models/tidecast/versions/7", messages.ModelMetadata),
        ("/v2/models/tidecast/ready", messages.ModelReady),
        ("/v2/models/tidecast/versions/7/ready", messages.ModelReady),
    ],
)
def test_get_answers_what_its_message_describes(serving, path: str, shape: Any) -> None:
    response = _ask(serving, "GET", path)
    assert response.status_code == 200
    shape.model_validate_json(response.content)


def test_server_announces_the_binary_extension(serving) -> None:
    assert _ask(serving, "GET", "/v2").json()["extensions"] == ["binary_tensor_data"]


def test_model_names_the_versions_that_serve(serving) -> None:
    assert _ask(serving, "GET", "/v2/models/tidecast").json()["versions"] == ["7"]


@pytest.mark.parametrize(
    "path", ["/v2/models/iris", "/v2/models/iris/ready", "/v2/models/tidecast/versions/6/ready"]
)
def test_unknown_model_or_version_is_not_found(serving, path: str) -> None:
    assert _ask(serving, "GET", path).status_code == 404


def test_not_ready_is_503_and_still_live(plane) -> None:
    ready = _ask(plane, "GET", "/v2/health/ready")
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "live": True})
    assert _ask(plane, "GET", "/v2/models/tidecast/ready").status_code == 503
    assert _ask(plane, "GET", "/v2/health/live").status_code == 200
