"""vegeta: requests at a constant rate, whatever becomes of them, an open loop.

Only such a load shows what a pause does: a closed loop stops asking while it lasts.
"""

import base64
import io
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.serving import cores
from benchmarks.serving.answers import Answers

TOOLS = Path(__file__).parent / "tools"
PROGRAM = TOOLS / "bin" / "vegeta"
MODULE = "github.com/tsenart/vegeta/v12"
BUILD_SECONDS = 600
CONNECTIONS = 512
"""Kept open; a request that finds none free opens another."""
WORKERS = 4096
"""Most requests in flight. A server that lets them pile up has lost anyway."""
TIMEOUT = "10s"
STATUS = re.compile(r"\d{3} ")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+:\d+(->)?")
ERRORS_SHOWN = 5


@cache
def program() -> str:
    """Where vegeta is; it is built the first time, from the versions in ``tools/go.sum``."""
    if not PROGRAM.exists():
        print("  building vegeta", flush=True)
        command = ["go", "build", "-o", str(PROGRAM), MODULE]
        subprocess.run(command, cwd=TOOLS, check=True, timeout=BUILD_SECONDS)
    return str(PROGRAM)


@contextmanager
def attack(
    url: str, rate: float, seconds: float, body: str | None = None
) -> Iterator[Callable[[], Answers]]:
    """Ask for a URL at a rate while the block runs other things.

    Args:
        url: what is asked.
        rate: requests in a second.
        seconds: how long.
        body: JSON; with it POST is asked instead of GET.

    Yields:
        what waits for the end and gives the answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.bin"
        command = [program(), "attack", f"-rate={round(rate)}", f"-duration={seconds}s"]
        command += [f"-connections={CONNECTIONS}", f"-max-workers={WORKERS}", "-workers=64"]
        command += ["-format=json", f"-timeout={TIMEOUT}", "-max-body=0", f"-output={record}"]
        child = subprocess.Popen(
            ["env", "GOMAXPROCS=1", "GOGC=400", *cores.pinned(command, cores.LOAD_CORE)],
            stdin=subprocess.PIPE,
            text=True,
        )
        assert child.stdin is not None
        child.stdin.write(_target(url, body) + "\n")
        child.stdin.close()
        try:
            yield lambda: _ended(child, record, seconds)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


def at_rate(url: str, rate: float, seconds: float, body: str | None = None) -> Answers:
    """Ask for a URL at a rate."""
    with attack(url, rate, seconds, body) as answers:
        return answers()


def _target(url: str, body: str | None) -> str:
    """What is asked, in vegeta's own words."""
    if body is None:
        return json.dumps({"method": "GET", "url": url})
    encoded = base64.b64encode(body.encode()).decode()
    header = {"Content-Type": ["application/json"]}
    return json.dumps({"method": "POST", "url": url, "body": encoded, "header": header})


def _ended(child: "subprocess.Popen[str]", record: Path, seconds: float) -> Answers:
    if child.wait(seconds + cores.GRACE_SECONDS) != 0:
        raise RuntimeError("vegeta failed; its message stands above")
    if distinct := _errors(record):
        print(f"  no answer: {'; '.join(distinct)}", flush=True)
    encoded = subprocess.Popen(
        [program(), "encode", "-to=csv", str(record)], stdout=subprocess.PIPE
    )
    # The rest of a row holds headers in base64, ten times as much.
    kept = subprocess.run(
        ["cut", "--delimiter=,", "--fields=1-3"], stdin=encoded.stdout, stdout=subprocess.PIPE
    )
    encoded.wait()
    table = np.loadtxt(io.BytesIO(kept.stdout), dtype=np.int64, ndmin=2, delimiter=",")
    return Answers(table[:, 0] / 1e9, table[:, 1], table[:, 2] / 1e6)


def _errors(record: Path) -> list[str]:
    """Why requests got no answer, each reason once; statuses that are no success are left out."""
    command = [program(), "report", "-type=json", str(record)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    failed = [error for error in json.loads(told)["errors"] or [] if not STATUS.match(error)]
    reasons = {ADDRESS.sub("", error.rpartition('": ')[2]) for error in failed}
    return sorted(reasons)[:ERRORS_SHOWN]
