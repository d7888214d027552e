"""What memory the service needs: at rest, and after a million requests of every kind."""

import math
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks.serving import asked, h2load, processes, servers, wrk
from benchmarks.serving.home import Home
from benchmarks.serving.throughput import call_size

FIRST, LAST = 10_000, 1_000_000
SLICES = 10
CALLS_SHARE = 0.2
"""Of the requests; the others come over HTTP."""
LEAST = 100
"""Requests of a slice: enough for a call over each connection."""
SETTLE_SECONDS = 8.0
"""BentoML keeps what belongs to a request for its timeout, 5 s, after the answer."""
MIX = """
local n = 0
request = function()
  n = n + 1
  local kind = n %% 10
  if kind < 6 then return wrk.format("GET", "%(get)s") end
  if kind < 8 then
    return wrk.format("POST", "/forecast", {["Content-Type"] = "application/json"}, '%(body)s')
  end
  return wrk.format("GET", "/nothing/" .. math.random(1, 1000000000))
end
"""


def measure(home: Home, folder: Path) -> dict[str, Any]:
    """Memory of the worker at rest, after the first and after the last of the requests."""
    with servers.tidecast(home.copy(folder / "memory")) as server:
        time.sleep(SETTLE_SECONDS)
        idle, supervisor = processes.memory(server.worker), processes.memory(server.process.pid)
        before = _statuses(server)
        script = MIX % {"get": asked.FORECAST, "body": asked.POSTED}
        done = _ask(server, FIRST, script)
        after = [{"requests": done, **_settled(server)}]
        for number in range(1, SLICES + 1):
            done += _ask(server, max(LEAST, number * LAST // SLICES - done), script)
            after.append({"requests": done, **_settled(server, number == SLICES)})
            print(f"  {done:,} requests: {after[-1]['rss']:.1f} MB", flush=True)
        # What was answered before is the waiting for its first forecast.
        statuses = {
            status: count - before.get(status, 0) for status, count in _statuses(server).items()
        }
    return {"idle": idle, "supervisor": supervisor, "after": after, "statuses": statuses}


def _ask(server: servers.Server, requests_wanted: int, script: str) -> int:
    """Ask at least so many times; how many it were."""
    calls = round(requests_wanted * CALLS_SHARE)
    message = asked.forecast_message().SerializeToString()
    size = call_size(server.grpc)
    answered = h2load.grpc_calls(
        server.grpc, asked.FORECAST_CALL, message, answer_bytes=size, calls=calls
    )
    done, rate = answered.requests, 0.0
    while done < requests_wanted:
        seconds = math.ceil((requests_wanted - done) / rate) if rate else 1
        found = wrk.closed(server.url, seconds, script=script)
        done, rate = done + found.requests, found.rate
    return done


def _settled(server: servers.Server, wait: bool = True) -> dict[str, float]:
    if wait:
        time.sleep(SETTLE_SECONDS)
    return processes.memory(server.worker)


def _statuses(server: servers.Server) -> dict[str, int]:
    """Answers over HTTP by status, as the service counted them itself."""
    with requests.Session() as session:
        session.trust_env = False
        text = session.get(f"{server.url}/metrics", timeout=10).text
    counted: dict[str, int] = {}
    for line in text.splitlines():
        if line.startswith("tidecast_http_requests_total{"):
            labels, _, value = line.rpartition(" ")
            status = labels.partition('status="')[2][:3]
            counted[status] = counted.get(status, 0) + round(float(value))
    return counted
