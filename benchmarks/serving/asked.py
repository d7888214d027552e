"""What is asked of the servers: paths, bodies and gRPC messages."""

import json
import struct
from pathlib import Path

from benchmarks.serving.home import HORIZON, MARKET
from service.proto import forecast_pb2, inference_pb2

API = "/forecast"
FORECAST = f"/v1/forecasts/{MARKET.symbol}"
POSTED = json.dumps({"symbol": MARKET.symbol})
DEAREST = json.dumps(
    {
        "symbol": MARKET.symbol,
        "horizon": HORIZON,
        "levels": [percent / 100 for percent in range(1, 100)],
    }
)
"""All 99 percentiles of all 24 steps, through BentoML: the dearest answer anybody may ask for."""
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
