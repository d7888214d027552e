"""wrk: as many requests over HTTP/1.1 as the connections get answered, a closed loop."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import cores

CONNECTIONS = 16
REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nJSON{"requests":%d,"us":%d,"p50":%d,"p99":%d,"max":%d,"status":%d,"io":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""
POST = """
wrk.method = "POST"
wrk.body = {body}
wrk.headers["Content-Type"] = "application/json"
"""


@dataclass(frozen=True)
class Closed:
    """What a closed loop did.

    Attributes:
        requests: how many were answered.
        rate: answers in a second.
        p50_ms: half of the answers came within it.
        p99_ms: 99 of 100 answers came within it.
        bad: answers of a status of 400 or above, and failures of connections.
    """

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    bad: int


def closed(
    url: str,
    seconds: int,
    body: str | None = None,
    connections: int = CONNECTIONS,
    script: str = "",
) -> Closed:
    """Load a URL.

    Args:
        url: what is asked.
        seconds: how long.
        body: JSON; with it POST is asked instead of GET.
        connections: each has one request in flight.
        script: Lua that makes the requests, instead of the URL's path.
    """
    posted = POST.format(body=json.dumps(body)) if body is not None else ""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "wrk.lua"
        program.write_text(posted + script + REPORT)
        command = ["wrk", "--threads", "1", "--connections", str(connections)]
        command += ["--duration", f"{seconds}s", "--timeout", "10s", "--script", str(program), url]
        printed = cores.load(command, seconds)
    told = json.loads(printed.rpartition("JSON")[2])
    return Closed(
        requests=told["requests"],
        rate=told["requests"] / (told["us"] / 1e6),
        p50_ms=told["p50"] / 1000,
        p99_ms=told["p99"] / 1000,
        bad=told["status"] + told["io"],
    )
