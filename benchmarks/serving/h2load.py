"""h2load: loads over HTTP/2, which gRPC is, and over HTTP/1.1 with a status for each answer.

ghz knows gRPC better but takes more of a core for a call than the server does. h2load looks at no
gRPC status, so the bytes of the answers are counted: an answer that failed has none.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def attack(
    url: str, rate: float, seconds: float, connections: int = CONNECTIONS, body: str | None = None
) -> Iterator[Callable[[], Answers]]:
    """Ask for a URL at a rate while the block runs other things.

    A connection asks when its time has come, or as soon as its last request is answered. What a
    pause kept back is not in the log then, so it is added as HdrHistogram does it: an answer that
    took longer than the time between two requests of a connection stands for those behind it too.

    Args:
        url: what is asked.
        rate: requests in a second.
        seconds: how long, whole seconds.
        connections: over so many.
        body: JSON; with it POST is asked instead of GET.

    Yields:
        what waits for the end and gives the answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = ["h2load", "--h1", "--clients", str(connections), "--log-file", str(log)]
        command += ["--rps", str(rate / connections), "--duration", str(round(seconds))]
        if body is not None:
            path = Path(folder) / "body"
            path.write_text(body)
            command += ["--data", str(path), "--header", "content-type: application/json"]
        child = subprocess.Popen(
            cores.pinned([*command, url], cores.LOAD_CORE), stdout=subprocess.DEVNULL
        )

        def ended() -> Answers:
            if child.wait(seconds + cores.GRACE_SECONDS) != 0:
                raise RuntimeError("h2load failed; its message stands above")
            return _read(log).with_those_kept_back(1000 * connections / rate)

        try:
            yield ended
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


def at_rate(url: str, rate: float, seconds: float, body: str | None = None) -> Answers:
    """Ask for a URL at a rate."""
    with attack(url, rate, seconds, body=body) as answers:
        return answers()


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
