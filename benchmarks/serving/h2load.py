"""h2load: closed loops over HTTP/2, which gRPC is, and over HTTP/1.1 with a status for each answer.

ghz knows gRPC better but takes more of a core for a call than the server does. h2load looks at no
gRPC status, so the bytes of the answers are counted: an answer that failed has none.
"""

import re
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.serving import cores
from benchmarks.serving.answers import Answers
from benchmarks.serving.asked import framed
from benchmarks.serving.wrk import CONNECTIONS, Closed

FRAME_BYTES = 5
"""Before each gRPC message."""


def grpc_calls(
    target: str,
    call: str,
    message: bytes,
    *,
    answer_bytes: int,
    seconds: int | None = None,
    calls: int | None = None,
) -> Closed:
    """Call one method over 16 connections.

    Args:
        target: host:port.
        call: path of the method.
        message: the request, serialised.
        answer_bytes: of a good answer; calls that got less are bad.
        seconds: how long; or
        calls: how many.
    """
    with tempfile.TemporaryDirectory() as folder:
        body = framed(message, Path(folder) / "message")
        log = Path(folder) / "log"
        command = ["h2load", "--clients", str(CONNECTIONS), "--data", str(body)]
        command += ["--header", "content-type: application/grpc", "--header", "te: trailers"]
        command += ["--log-file", str(log), *_extent(seconds, calls), f"http://{target}{call}"]
        printed = cores.load(command, seconds or 600)
        answers = _read(log)
    wanted = len(answers.codes) * (answer_bytes + FRAME_BYTES)
    short = max(0.0, 1 - _data_bytes(printed) / max(1, wanted))
    bad = int(np.count_nonzero(answers.codes != 200)) + round(short * len(answers.codes))
    p50, p99 = (answers.percentile_ms(answers.good, share) for share in (50, 99))
    return Closed(len(answers.codes), _rate(printed), p50, p99, bad)


def flood(url: str, seconds: int, connections: int) -> Answers:
    """Ask for a URL over HTTP/1.1 as fast as the answers come; each answer with its status."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = ["h2load", "--h1", "--clients", str(connections), "--log-file", str(log)]
        cores.load([*command, *_extent(seconds, None), url], seconds)
        return _read(log)


def _extent(seconds: int | None, calls: int | None) -> list[str]:
    return ["--duration", str(seconds)] if seconds else ["--requests", str(calls)]


def _read(log: Path) -> Answers:
    """The log has start in microseconds, status, and duration in microseconds."""
    if not log.stat().st_size:
        raise RuntimeError("h2load got no answer at all")
    rows = np.loadtxt(log, dtype=np.int64, ndmin=2, delimiter="\t")
    return Answers(rows[:, 0] / 1e6, rows[:, 1], rows[:, 2] / 1000)


def _rate(printed: str) -> float:
    found = re.search(r"finished in .*?, ([\d.]+) req/s", printed)
    if found is None:
        raise RuntimeError(f"h2load said no rate: {printed[-500:]}")
    return float(found[1])


def _data_bytes(printed: str) -> int:
    found = re.search(r"\((\d+)\) data", printed)
    return int(found[1]) if found else 0
