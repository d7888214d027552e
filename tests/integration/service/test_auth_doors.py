"""The running service asks for the key at every door, and for none where a probe knocks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

from service.key_ring import digest_of
from service.proto import forecast_pb2, forecast_pb2_grpc, inference_pb2, inference_pb2_grpc
from service.rest.openapi import default_settings, document, dump_document

KEY = "hV2xq8Zk0yT4mW6bR1nC3pL5sD7fG9jK-aQ_eU8iO0w"
NEXT = "Zr5wq0nC8uYp2dXk7sVf1aGh4jKl9oPi3eRt6yUb_Mw"
SLOW = "A1s2D3f4G5h6J7k8L9q0W1e2R3t4Y5u6I7o8P9z0X1c"
INFER = {"inputs": [{"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]}]}
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
Metadata = tuple[tuple[str, str], ...]

pytestmark = pytest.mark.timeout(300)

HTTP_DOORS = [
    ("GET", "/v1/forecasts/BTC-USD", None),
    ("GET", "/v1/forecasts/BTC-USD?horizon=1", None),
    ("HEAD", "/v1/forecasts/BTC-USD", None),
    ("GET", "/v1/forecasts", None),
    ("GET", "/v1/candles/BTC-USD", None),
    ("GET", "/v1/scores/BTC-USD", None),
    ("GET", "/v1/models", None),
    ("POST", "/forecast", {"symbol": "BTC-USD"}),
    ("POST", "/v2/models/tidecast/infer", INFER),
    ("GET", "/v2", None),
    ("GET", "/v2/models/tidecast", None),
    ("GET", "/v2/models/tidecast/ready", None),
]
KEYLESS = ["/livez", "/readyz", "/metrics", "/openapi.json", "/", "/v2/health/live"]
KEYLESS += ["/v2/health/ready"]


def _infer(channel: grpc.Channel, metadata: Metadata) -> Any:
    symbol = inference_pb2.ModelInferRequest.InferInputTensor(
        name="symbol", datatype="BYTES", shape=[1]
    )
    symbol.contents.bytes_contents.append(b"BTC-USD")
    request = inference_pb2.ModelInferRequest(model_name="tidecast", inputs=[symbol])
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    return stub.ModelInfer(request, timeout=30, metadata=metadata)


def _forecast(channel: grpc.Channel, metadata: Metadata) -> Any:
    request = forecast_pb2.ForecastRequest(symbol="BTC-USD")
    stub = forecast_pb2_grpc.ForecastServiceStub(channel)
    return stub.Forecast(request, timeout=30, metadata=metadata)


def _models(channel: grpc.Channel, metadata: Metadata) -> Any:
    stub = forecast_pb2_grpc.ForecastServiceStub(channel)
    return stub.Models(forecast_pb2.ModelsRequest(), timeout=30, metadata=metadata)


def _watch(channel: grpc.Channel, metadata: Metadata) -> Any:
    request = forecast_pb2.WatchForecastsRequest(symbols=["BTC-USD"])
    stub = forecast_pb2_grpc.ForecastServiceStub(channel)
    return next(stub.WatchForecasts(request, timeout=30, metadata=metadata))


def _metadata(channel: grpc.Channel, metadata: Metadata) -> Any:
    request = inference_pb2.ModelMetadataRequest(name="tidecast")
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    return stub.ModelMetadata(request, timeout=30, metadata=metadata)


RPC_DOORS = [_forecast, _models, _watch, _infer, _metadata]


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _in_metadata(key: str) -> Metadata:
    return (("authorization", f"Bearer {key}"),)


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(f"alice: {digest_of(KEY)}\nbob: {digest_of(SLOW)}\n")
    return path


@pytest.fixture(scope="module")
def guarded(installation: Any, keys_file: Path, tmp_path_factory: Any) -> Any:
    """A service that asks for a key."""
    server = installation.serve(
        BENTOML_HOME=str(tmp_path_factory.mktemp("bentoml")),
        TIDECAST_SERVICE__API_KEYS_FILE=str(keys_file),
        TIDECAST_SERVICE__REQUESTS_PER_SECOND_PER_KEY="20",
    )
    server.session.headers.update(_bearer(KEY))
    server.wait_ready()
    return server


@pytest.fixture
def channel(guarded: Any) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(guarded.rpc) as opened:
        yield opened


def _ask(guarded: Any, method: str, path: str, body: Any, key: str | None) -> requests.Response:
    headers = {} if key is None else _bearer(key)
    return requests.request(method, f"{guarded.url}{path}", json=body, headers=headers, timeout=30)


@pytest.mark.parametrize(("method", "path", "body"), HTTP_DOORS)
def test_http_door_opens_to_a_key_and_to_nothing_else(
    guarded: Any, method: str, path: str, body: Any
) -> None:
    for wrong in (None, "", f"{KEY}x", digest_of(KEY)):
        refused = _ask(guarded, method, path, body, wrong)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
        if method != "HEAD":
            error = refused.json()["error"] if "/v2" not in path else refused.json()
            assert (error["code"], error["field"]) == ("unauthenticated", "Authorization")
    time.sleep(0.1)
    assert _ask(guarded, method, path, body, KEY).status_code == 200


@pytest.mark.parametrize("path", KEYLESS)
def test_probe_needs_no_key(guarded: Any, path: str) -> None:
    assert _ask(guarded, "GET", path, None, None).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/forecasts/DOGE-USD", "/nothing/here", "/v2/models/other", "/v2/healthy", "//"]
)
def test_nothing_is_told_without_a_key(guarded: Any, path: str) -> None:
    assert _ask(guarded, "GET", path, None, None).status_code == 401


@pytest.mark.parametrize("door", RPC_DOORS)
def test_grpc_door_opens_to_a_key_and_to_nothing_else(channel: grpc.Channel, door: Any) -> None:
    for wrong in ((), _in_metadata(""), _in_metadata(f"{KEY}x"), (("authorization", KEY),)):
        with pytest.raises(grpc.RpcError) as caught:
            door(channel, wrong)
        assert caught.value.code() == UNAUTHENTICATED
        info = error_details_pb2.ErrorInfo()
        assert any(d.Unpack(info) for d in rpc_status.from_call(caught.value).details)
        assert (info.reason, info.metadata["field"]) == ("UNAUTHENTICATED", "Authorization")
    assert door(channel, _in_metadata(KEY))


def test_grpc_probes_need_no_key(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    assert stub.ServerLive(inference_pb2.ServerLiveRequest(), timeout=30).live
    assert stub.ServerReady(inference_pb2.ServerReadyRequest(), timeout=30).ready


def test_services_describe_themselves_without_a_key(channel: grpc.Channel) -> None:
    described = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert {"tidecast.v1.ForecastService", "inference.GRPCInferenceService"} <= set(described)


@pytest.mark.parametrize(("key", "code"), [(KEY, 0), (None, 2), (f"{KEY}x", 2)])
def test_command_asks_with_the_key_of_its_environment(
    guarded: Any, key: str | None, code: int
) -> None:
    environment = {**os.environ, **({} if key is None else {"TIDECAST_API_KEY": key})}
    done = subprocess.run(
        [Path(sys.executable).with_name("tidecast"), "forecast", "BTC-USD", "--url", guarded.url],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    assert code == 0 or "API key" in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_one_key_has_one_rate_over_all_doors(guarded: Any, channel: grpc.Channel) -> None:
    session = requests.Session()
    session.headers.update(_bearer(SLOW))
    refused = None
    for _ in range(2000):
        answer = session.get(f"{guarded.url}/v1/models", timeout=30)
        if answer.status_code == 429:
            refused = answer
            break
    session.close()
    assert refused is not None
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["error"]["code"] == "rate_limited"
    with pytest.raises(grpc.RpcError) as caught:
        for _ in range(2000):
            _models(channel, _in_metadata(SLOW))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    details = rpc_status.from_call(caught.value).details
    assert any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in details)
    assert _ask(guarded, "GET", "/v1/models", None, KEY).status_code == 200


def test_refusals_are_counted_by_name_of_the_key(guarded: Any) -> None:
    text = guarded.get("/metrics").text
    assert 'tidecast_rate_limited_requests_total{key="bob"}' in text
    assert "tidecast_unauthenticated_requests_total" in text


def test_service_answers_as_its_document_says_with_keys_too(guarded: Any, tmp_path: Path) -> None:
    """With a key, soon beyond its rate, and without one where the document asks for it."""
    settings = default_settings().model_copy(update={"markets": default_settings().markets[:1]})
    service = settings.service.model_copy(update={"api_keys": {"alice": digest_of(KEY)}})
    openapi = document(settings.model_copy(update={"service": service}))
    path = tmp_path / "openapi.json"
    path.write_bytes(dump_document(openapi))
    command = ["-m", "schemathesis.cli", "run", str(path), "--url", guarded.url, "--seed", "7"]
    options = ["--max-examples", "5", "--no-color"]
    key = ["--header", f"Authorization: Bearer {KEY}"]
    checks = ["--checks", "status_code_conformance,response_schema_conformance,ignored_auth"]
    done = subprocess.run(
        [sys.executable, *command, *options, *key, *checks],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def _events(server: Any, name: str) -> list[dict[str, Any]]:
    lines = server.log.read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line["event"] == name]


def _status(guarded: Any, key: str) -> Callable[[], int]:
    def ask() -> int:
        time.sleep(0.1)  # below the rate of the key
        return _ask(guarded, "GET", "/v1/models", None, key).status_code

    return ask


def test_key_is_changed_while_the_service_runs(
    guarded: Any, keys_file: Path, channel: grpc.Channel
) -> None:
    assert _status(guarded, NEXT)() == 401
    both = f"alice: {digest_of(KEY)}\nalice: {digest_of(NEXT)}\nbob: {digest_of(SLOW)}\n"
    keys_file.write_text(both)
    guarded.wait(lambda: _status(guarded, NEXT)() == 200, seconds=30)
    assert _status(guarded, KEY)() == 200
    keys_file.write_text(f"alice: {digest_of(NEXT)}\n")
    guarded.wait(lambda: _status(guarded, KEY)() == 401, seconds=30)
    assert _models(channel, _in_metadata(NEXT))
    with pytest.raises(grpc.RpcError) as caught:
        _models(channel, _in_metadata(KEY))
    assert caught.value.code() == UNAUTHENTICATED


def test_vanished_file_leaves_the_keys_and_is_told_once(guarded: Any, keys_file: Path) -> None:
    keys_file.unlink()
    guarded.wait(lambda: _events(guarded, "api_keys_file_broken"), seconds=30)
    time.sleep(2.5)
    assert len(_events(guarded, "api_keys_file_broken")) == 1
    assert _status(guarded, NEXT)() == 200
    assert _status(guarded, KEY)() == 401


def test_no_key_stands_in_log_or_metrics(guarded: Any) -> None:
    shown = guarded.log.read_text() + requests.get(f"{guarded.url}/metrics", timeout=30).text
    for key in (KEY, NEXT, SLOW):
        for secret in (key, key[:16], digest_of(key), digest_of(key)[:16]):
            assert secret not in shown
    assert "Traceback" not in shown
