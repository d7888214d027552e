"""A client that asks all the time, run as a pod: REST and gRPC, each at a steady rate.

It tries again only what was refused before it was asked. Every second it prints one JSON line with
everything counted since its start; the newest line is the result.

    python steady.py REST_URL GRPC_TARGET REQUESTS_PER_SECOND
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import requests
from urllib3.exceptions import NewConnectionError

from service.proto import forecast_pb2, forecast_pb2_grpc

SYMBOL = "BTC-USD"
REFUSED_FOR_SECONDS = 15.0
TIMEOUT_SECONDS = 10.0
FAILURES_SHOWN = 20
NOBODY = "failed to connect"
"""What gRPC says when no server took the connection; a reset of a call says something else."""


class Refused(Exception):
    """Nobody listened: the request was not asked."""


class Tally:
    """What one kind of client saw."""

    def __init__(self) -> None:
        self.answers = 0
        self.refusals = 0
        self.failures: list[str] = []
        self.failed = 0
        self.slowest_seconds = 0.0
        self.versions: dict[str, int] = {}
        self.degraded: dict[str, int] = {}

    def count(self, version: str, degraded: list[str], seconds: float) -> None:
        self.answers += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        self.versions[version] = self.versions.get(version, 0) + 1
        for reason in degraded:
            self.degraded[reason] = self.degraded.get(reason, 0) + 1

    def fail(self, what: str) -> None:
        self.failed += 1
        if len(self.failures) < FAILURES_SHOWN:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {what[:300]}")


def ask_steadily(tally: Tally, per_second: float, ask: Callable[[], tuple[str, list[str]]]) -> None:
    due = time.monotonic()
    while True:
        due += 1 / per_second
        time.sleep(max(0.0, due - time.monotonic()))
        started = time.monotonic()
        try:
            version, degraded = until_heard(tally, ask)
        except Exception as error:
            tally.fail(repr(error))
            continue
        tally.count(version, degraded, time.monotonic() - started)


def until_heard(tally: Tally, ask: Callable[[], tuple[str, list[str]]]) -> tuple[str, list[str]]:
    deadline = time.monotonic() + REFUSED_FOR_SECONDS
    while True:
        try:
            return ask()
        except Refused:
            tally.refusals += 1
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def rest(url: str, kept: bool) -> Callable[[], tuple[str, list[str]]]:
    session = requests.Session()
    session.trust_env = False
    headers = {} if kept else {"Connection": "close"}

    def ask() -> tuple[str, list[str]]:
        address = f"{url}/v1/forecasts/{SYMBOL}"
        try:
            answer = session.get(address, headers=headers, timeout=TIMEOUT_SECONDS)
        except requests.ConnectionError as error:
            reason = getattr(error.args[0], "reason", None) if error.args else None
            if isinstance(reason, NewConnectionError):
                raise Refused(str(reason)) from error
            raise
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code} {answer.text}")
        body: dict[str, Any] = answer.json()
        return body["model_version"], body["degraded"]

    return ask


def rpc(target: str) -> Callable[[], tuple[str, list[str]]]:
    options = [
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.enable_http_proxy", 0),
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
        ("grpc.max_reconnect_backoff_ms", 1000),
    ]
    channel = grpc.insecure_channel(target, options=options)
    stub = forecast_pb2_grpc.ForecastServiceStub(channel)
    request = forecast_pb2.ForecastRequest(symbol=SYMBOL)

    def ask() -> tuple[str, list[str]]:
        try:
            answer = stub.Forecast(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE and NOBODY in error.details():
                raise Refused(error.details()) from error
            raise RuntimeError(f"{error.code()} {error.details()}") from error
        return answer.model_version, list(answer.degraded)

    return ask


def main() -> None:
    rest_url, grpc_target, per_second = sys.argv[1], sys.argv[2], float(sys.argv[3])
    clients = {
        "rest": rest(rest_url, kept=False),
        "rest_kept": rest(rest_url, kept=True),
        "grpc": rpc(grpc_target),
    }
    tallies = {name: Tally() for name in clients}
    for name, ask in clients.items():
        arguments = (tallies[name], per_second, ask)
        threading.Thread(target=ask_steadily, args=arguments, daemon=True).start()
    while True:
        time.sleep(1)
        print(json.dumps({name: vars(tally) for name, tally in tallies.items()}), flush=True)


if __name__ == "__main__":
    main()
