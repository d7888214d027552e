"""The Open Inference Protocol over HTTP, asked of the running service by plain requests."""

import json
import socket
import struct
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from service.oip.messages import InferenceError

pytestmark = pytest.mark.timeout(180)
INFER = "/v2/models/tidecast/infer"
SYMBOL = {"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]}
HEADER = "Inference-Header-Content-Length"


def _post(server, body: Any, path: str = INFER, **headers: str) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body)
    sent = {"Content-Type": "application/json", **headers}
    return server.session.post(f"{server.url}{path}", data=data, headers=sent, timeout=30)


def _infer(server, *inputs: dict[str, Any], **more: Any) -> requests.Response:
    return _post(server, {"inputs": inputs, **more})


def _tensor(name: str, datatype: str, *data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": list(data), **more}


def test_infer_has_the_numbers_of_the_forecast_to_the_last_bit(server) -> None:
    forecast = server.get("/v1/forecasts/BTC-USD", levels="0.05,0.5,0.95", horizon=6).json()
    answer = _infer(
        server,
        SYMBOL,
        _tensor("horizon", "INT64", 6),
        _tensor("quantile_levels", "FP64", 0.05, 0.5, 0.95),
    ).json()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert outputs["mean"] == [step["mean"] for step in forecast["steps"]]
    assert outputs["quantiles"] == [
        price for step in forecast["steps"] for price in step["quantiles"].values()
    ]
    for name in ("symbol", "cutoff", "model_version", "trained_at", "source", "simulated"):
        assert answer["parameters"][name] == forecast[name]


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ([_tensor("symbol", "BYTES", "BTC-USD", "ETH-USD")], "symbol"),
        ([SYMBOL, SYMBOL], "symbol"),
        ([_tensor("horizon", "INT64", 6)], "inputs"),
        ([SYMBOL, _tensor("steps", "INT64", 6)], "inputs"),
        ([SYMBOL, _tensor("horizon", "FP64", 6.0)], "horizon"),
        ([SYMBOL, _tensor("horizon", "INT64", 0)], "horizon"),
        ([SYMBOL, _tensor("horizon", "INT64", -1)], "horizon"),
        ([SYMBOL, _tensor("horizon", "INT64", 10**9)], "horizon"),
        ([SYMBOL, _tensor("quantile_levels", "FP64", float("nan"))], "quantile_levels"),
        ([SYMBOL, _tensor("quantile_levels", "FP64", float("inf"))], "quantile_levels"),
        ([SYMBOL, _tensor("quantile_levels", "FP64", 0.5, 0.5)], "quantile_levels"),
        ([SYMBOL, _tensor("quantile_levels", "FP64", 0.5, shape=[2])], "quantile_levels"),
        ([SYMBOL, _tensor("quantile_levels", "FP64", 0.5, shape=[-1])], "quantile_levels"),
        ([SYMBOL, _tensor("quantile_levels", "FP64", 0.5, shape=[10**18])], "quantile_levels"),
    ],
)
def test_bad_tensor_is_the_callers_fault_and_named(
    server, inputs: list[dict[str, Any]], field: str
) -> None:
    response = _infer(server, *inputs)
    error = InferenceError.model_validate_json(response.content)
    assert (response.status_code, error.code, error.field) == (400, "invalid_parameter", field)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\xfd",
        b'{"inputs":' + b"[" * 30_000,
        b'{"inputs":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        b'{"inputs":[{"name":"symbol","shape":[1],"datatype":"BYTES","data":["\xff"]}]}',
    ],
)
def test_body_that_is_no_json_is_the_callers_fault(server, body: bytes) -> None:
    response = _post(server, body)
    assert response.status_code == 400
    assert InferenceError.model_validate_json(response.content).field == "body"


def test_invalid_text_in_a_binary_tensor_is_the_callers_fault(server) -> None:
    raw = struct.pack("<I", 2) + b"\xff\xfe"
    symbol = {"name": "symbol", "shape": [1], "datatype": "BYTES"}
    symbol["parameters"] = {"binary_data_size": len(raw)}
    header = json.dumps({"inputs": [symbol]}).encode()
    response = _post(server, header + raw, **{HEADER: str(len(header))})
    assert response.status_code == 400
    assert InferenceError.model_validate_json(response.content).field == "symbol"


@pytest.mark.parametrize(
    ("inputs", "outputs", "status", "code"),
    [
        ([_tensor("symbol", "BYTES", "DOGE-USD")], [], 404, "unknown_market"),
        ([_tensor("symbol", "BYTES", "SOL-USD")], [], 503, "forecast_unavailable"),
        ([SYMBOL], [{"name": "median"}], 400, "invalid_parameter"),
    ],
)
def test_other_faults_have_their_status(
    server, inputs: list[Any], outputs: list[Any], status: int, code: str
) -> None:
    response = _infer(server, *inputs, outputs=outputs)
    error = InferenceError.model_validate_json(response.content)
    assert (response.status_code, error.code) == (status, code)


def test_unknown_model_and_version_are_not_found(server) -> None:
    for path in ("/v2/models/iris/infer", "/v2/models/tidecast/versions/99/infer"):
        response = _post(server, {"inputs": [SYMBOL]}, path)
        assert response.status_code == 404
        assert InferenceError.model_validate_json(response.content).code == "unknown_model"


def test_body_of_200_megabytes_is_refused_by_its_head(server) -> None:
    place = urlsplit(server.url)
    head = (
        f"POST {INFER} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {200 * 1024 * 1024}\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 413 ")
    assert InferenceError.model_validate_json(body).code == "body_too_large"


def test_body_over_the_limit_has_the_protocols_error(server) -> None:
    response = _post(server, b" " * (64 * 1024 + 1))
    assert response.status_code == 413
    assert InferenceError.model_validate_json(response.content).code == "body_too_large"


def test_error_of_an_unknown_path_holds_a_string(server) -> None:
    response = server.get("/v2/repository/index")
    assert response.status_code == 404
    assert InferenceError.model_validate_json(response.content).code == "not_found"


def test_infer_is_counted_by_its_template(server) -> None:
    _infer(server, SYMBOL)
    text = server.get("/metrics").text
    assert 'route="/v2/models/{model}/infer"' in text
