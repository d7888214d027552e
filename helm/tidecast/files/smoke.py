"""One forecast over REST and one over gRPC; with API keys, that nobody is let in without one."""

import os
import sys

import grpc
import requests

from service.proto.forecast_pb2 import ForecastRequest
from service.proto.forecast_pb2_grpc import ForecastServiceStub

HOST, SYMBOL, INTERVAL = os.environ["HOST"], os.environ["SYMBOL"], os.environ["INTERVAL"]
KEYS = os.environ["KEYS"] == "true"
SECONDS = 30


def rest() -> bool:
    """Whether REST answers as it should."""
    url = f"http://{HOST}:3000/v1/forecasts/{SYMBOL}"
    answer = requests.get(url, params={"interval": INTERVAL}, timeout=SECONDS)
    print("REST", answer.status_code, answer.text[:200])
    return answer.status_code == (401 if KEYS else 200)


def rpc() -> bool:
    """Whether gRPC answers as it should."""
    address, certificate = f"{HOST}:50051", os.environ.get("GRPC_CERTIFICATE")
    if certificate:
        credentials = grpc.ssl_channel_credentials(certificate.encode())
        channel = grpc.secure_channel(address, credentials)
    else:
        channel = grpc.insecure_channel(address)
    request = ForecastRequest(symbol=SYMBOL, interval=INTERVAL)
    try:
        answer = ForecastServiceStub(channel).Forecast(request, timeout=SECONDS)
    except grpc.RpcError as error:
        print("gRPC", error.code(), error.details())
        return KEYS and error.code() == grpc.StatusCode.UNAUTHENTICATED
    print("gRPC", len(answer.steps), "steps of model", answer.model_version)
    return len(answer.steps) > 0 and not KEYS


asked = [rest] + ([rpc] if os.environ["GRPC"] == "true" else [])
sys.exit(0 if all([one() for one in asked]) else 1)
