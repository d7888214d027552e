"""How many requests each server answers: all of them in turn in every round, then medians."""

import contextlib
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import requests

from benchmarks.serving import asked, h2load, processes, servers, wrk
from benchmarks.serving.home import HORIZON, Home
from benchmarks.serving.servers import STOCK_BYTES, STOCK_PATH
from benchmarks.serving.wrk import Closed
from service.proto import forecast_pb2_grpc, inference_pb2_grpc

ROUNDS = 3
SECONDS = 5
WARM_SECONDS = 1
LEAST_SHARE = 0.95
"""Ids that a server makes for each answer, and the age of the data, vary by some bytes."""


@dataclass(frozen=True)
class Case:
    """One kind of request to one server; ``run`` loads it for so many seconds."""

    name: str
    server: servers.Server
    run: Callable[[int], Closed]


@dataclass(frozen=True)
class Measured(Closed):
    """What a closed loop did; ``core_us`` is the worker's time on its core for one answer.

    Where the server's core was not its own all the time, the rate says less than it could be.
    """

    core_us: float


def measure(home: Home, folder: Path) -> dict[str, Any]:
    """Rates and times of every case."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(servers.tidecast(home.copy(folder / "throughput")))
        ours.pause()
        bento = stack.enter_context(servers.bentoml(Path(tempfile.mkdtemp(dir=folder))))
        bento.pause()
        other = stack.enter_context(servers.mlserver(Path(tempfile.mkdtemp(dir=folder))))
        other.pause()
        cases = [*_ours(ours), *_bento(bento), *_mlserver(other)]
        rounds = [_round(cases, number) for number in range(ROUNDS)]
    return {case.name: _median([found[case.name] for found in rounds]) for case in cases}


def _round(cases: list[Case], number: int) -> dict[str, Measured]:
    """Each round begins with another case, so that none is always the first."""
    found = {}
    first = number * len(cases) // ROUNDS
    for case in cases[first:] + cases[:first]:
        case.server.resume()
        case.run(WARM_SECONDS)
        found[case.name] = _timed(case)
        case.server.pause()
        print(f"  {number + 1}/{ROUNDS} {case.name}: {found[case.name].rate:,.0f}/s", flush=True)
    return found


def _timed(case: Case) -> Measured:
    worker = case.server.worker
    before = processes.cpu_seconds(worker)
    closed = case.run(SECONDS)
    core_seconds = processes.cpu_seconds(worker) - before
    return Measured(**asdict(closed), core_us=1e6 * core_seconds / max(1, closed.requests))


def _ours(server: servers.Server) -> list[Case]:
    server.resume()
    post = partial(_http, server.url)
    cases = [
        Case("tidecast GET", server, post(asked.FORECAST, None)),
        Case("tidecast POST", server, post(asked.API, asked.POSTED)),
        Case("tidecast OIP REST", server, post(asked.infer_path("tidecast"), asked.INFERENCE)),
        Case("tidecast gRPC", server, _forecast_calls(server.grpc)),
        Case("tidecast OIP gRPC", server, _inferences(server.grpc, "tidecast")),
    ]
    server.pause()
    return cases


def _bento(server: servers.Server) -> list[Case]:
    server.resume()
    case = Case("BentoML @api", server, _http(server.url, STOCK_PATH, asked.POSTED, STOCK_BYTES))
    server.pause()
    return [case]


def _mlserver(server: servers.Server) -> list[Case]:
    server.resume()
    rest = _http(server.url, asked.infer_path("constant"), asked.INFERENCE)
    cases = [
        Case("MLServer REST", server, rest),
        Case("MLServer gRPC", server, _inferences(server.grpc, "constant")),
    ]
    server.pause()
    return cases


def _http(
    base: str, path: str, body: str | None, length: int | None = None
) -> Callable[[int], Closed]:
    """A load of one URL, once its answer was seen to be good."""
    url = base + path
    headers = {"Content-Type": "application/json"}
    with requests.Session() as session:
        session.trust_env = False
        if body is None:
            answer = session.get(url, timeout=10)
        else:
            answer = session.post(url, data=body, headers=headers, timeout=10)
    answer.raise_for_status()
    if length is not None and len(answer.content) != length:
        raise RuntimeError(f"{url} answers {len(answer.content)} bytes instead of {length}")
    return partial(wrk.closed, url, body=body)


def _forecast_calls(target: str) -> Callable[[int], Closed]:
    message = asked.forecast_message().SerializeToString()
    return _calls(target, asked.FORECAST_CALL, message, call_size(target))


def call_size(target: str) -> int:
    """Bytes that an answer of ``Forecast`` has at least; the age in it may vary by some."""
    with grpc.insecure_channel(target) as channel:
        stub = forecast_pb2_grpc.ForecastServiceStub(channel)
        answer = stub.Forecast(asked.forecast_message(), timeout=10)
    if len(answer.steps) != HORIZON:
        raise RuntimeError(f"Forecast answers {len(answer.steps)} steps instead of {HORIZON}")
    return round(answer.ByteSize() * LEAST_SHARE)


def _inferences(target: str, model: str) -> Callable[[int], Closed]:
    message = asked.infer_message(model)
    with grpc.insecure_channel(target) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(message, timeout=10)
    least = round(answer.ByteSize() * LEAST_SHARE)
    return _calls(target, asked.INFER_CALL, message.SerializeToString(), least)


def _calls(target: str, call: str, message: bytes, answer_bytes: int) -> Callable[[int], Closed]:
    def run(seconds: int) -> Closed:
        return h2load.grpc_calls(target, call, message, answer_bytes=answer_bytes, seconds=seconds)

    return run


def _median(found: list[Measured]) -> dict[str, Any]:
    rows = [asdict(one) for one in found]
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {**medians, "bad": sum(one.bad for one in found), "rates": [one.rate for one in found]}
