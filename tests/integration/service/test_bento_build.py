"""``bentoml build`` packs what the service needs and nothing else."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import grpc
import pytest

from service.proto import forecast_pb2, forecast_pb2_grpc, inference_pb2, inference_pb2_grpc

ROOT = Path(__file__).parents[3]
OURS = ("tidecast", "service")
INFER = {"inputs": [{"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]}]}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def bento_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BentoML's home with the Bento in it."""
    home = tmp_path_factory.mktemp("bentoml")
    offline = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "UV_OFFLINE": "1"}
    built = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag"],
        cwd=ROOT,
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr[-2000:]
    return home


@pytest.fixture(scope="module")
def bento_server(bento_home: Path, installation: Any, tmp_path_factory: Any) -> Any:
    """The Bento, served in an empty folder by a Python that does not know the checkout."""
    folder = tmp_path_factory.mktemp("empty")
    # The installed packages without their .pth files, one of which leads to the checkout.
    packages = sysconfig.get_path("purelib")
    python = getattr(sys, "_base_executable", sys.executable)
    known = subprocess.run(
        [python, "-c", "import tidecast"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": packages},
        capture_output=True,
        text=True,
    )
    assert "No module named 'tidecast'" in known.stderr
    server = installation.serve(
        service="tidecast:latest",
        folder=folder,
        python=python,
        PYTHONPATH=packages,
        BENTOML_HOME=str(bento_home),
    )
    server.wait_ready()
    return server


def test_bento_holds_the_core_and_the_service_only(bento_home: Path) -> None:
    (bento,) = (path for path in (bento_home / "bentos" / "tidecast").iterdir() if path.is_dir())
    packed = {path.relative_to(bento / "src") for path in (bento / "src").rglob("*.py")}
    ours = {path.relative_to(ROOT) for folder in OURS for path in (ROOT / folder).rglob("*.py")}
    assert packed == ours
    assert (bento / "src" / "requirements" / "runtime.txt").is_file()
    assert (bento / "src" / "service" / "proto" / "forecast.proto").is_file()


def test_bento_answers_rest(bento_server: Any) -> None:
    got = bento_server.get("/v1/forecasts/BTC-USD").json()["steps"]
    assert len(got) == 24
    assert bento_server.post({"symbol": "BTC-USD"}).json()["steps"] == got


def test_bento_answers_grpc(bento_server: Any) -> None:
    with grpc.insecure_channel(bento_server.rpc) as channel:
        forecasts = forecast_pb2_grpc.ForecastServiceStub(channel)
        answer = forecasts.Forecast(forecast_pb2.ForecastRequest(symbol="BTC-USD"), timeout=30)
    got = bento_server.get("/v1/forecasts/BTC-USD").json()["steps"]
    assert [step.mean for step in answer.steps] == [step["mean"] for step in got]


def test_bento_answers_inferences_on_both_ports(bento_server: Any) -> None:
    path = f"{bento_server.url}/v2/models/tidecast/infer"
    over_http = bento_server.session.post(path, json=INFER, timeout=30).json()
    symbol = inference_pb2.ModelInferRequest.InferInputTensor(
        name="symbol", datatype="BYTES", shape=[1]
    )
    symbol.contents.bytes_contents.append(b"BTC-USD")
    request = inference_pb2.ModelInferRequest(model_name="tidecast", inputs=[symbol])
    with grpc.insecure_channel(bento_server.rpc) as channel:
        service = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        over_grpc = service.ModelInfer(request, timeout=30)
    for ours, theirs in zip(over_http["outputs"], over_grpc.outputs, strict=True):
        assert (ours["name"], ours["shape"]) == (theirs.name, list(theirs.shape))
    assert over_http["outputs"][1]["data"] == list(over_grpc.outputs[1].contents.fp64_contents)
