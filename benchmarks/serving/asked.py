"""What is asked of the servers: paths, bodies and gRPC messages."""

import json
import struct
from pathlib import Path

from benchmarks.serving.home import MARKET
from service.proto import forecast_pb2, inference_pb2

API = "/forecast"
FORECAST = f"/v1/forecasts/{MARKET.symbol}"
POSTED = json.dumps({"symbol": MARKET.symbol})
INFERENCE = json.dumps(
    {
        "inputs": [
            {"name": "symbol", "shape": [1], "datatype": "BYTES", "data": [MARKET.symbol]},
        ]
    }
)
FORECAST_CALL = "/tidecast.v1.ForecastService/Forecast"
INFER_CALL = "/inference.GRPCInferenceService/ModelInfer"


def infer_path(model: str) -> str:
    """Path of an inference over REST."""
    return f"/v2/models/{model}/infer"


def forecast_message() -> forecast_pb2.ForecastRequest:
    """The default forecast."""
    return forecast_pb2.ForecastRequest(symbol=MARKET.symbol)


def infer_message(model: str) -> inference_pb2.ModelInferRequest:
    """The same in the inference protocol."""
    request = inference_pb2.ModelInferRequest(model_name=model)
    tensor = request.inputs.add(name="symbol", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(MARKET.symbol.encode())
    return request


def framed(message: bytes, path: Path) -> Path:
    """Write a message as gRPC puts it into HTTP/2: a flag, its length, its bytes."""
    path.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    return path
