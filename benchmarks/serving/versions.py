"""Versions of what is measured and of what measures."""

import re
import subprocess
from importlib.metadata import version

from benchmarks.serving.servers import PEERS

OURS = ("bentoml", "uvicorn", "starlette", "grpcio", "uvloop", "httptools")
THEIRS = ("bentoml", "mlserver", "uvicorn", "starlette", "grpcio", "uvloop", "httptools")
ASK = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"


def describe() -> dict[str, str]:
    """By name; those of the peers' environment begin with ``peer``."""
    found = {name: version(name) for name in OURS}
    asked = [str(PEERS / "bin" / "python"), "-c", ASK, *THEIRS]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    found |= {f"peer {name}": told[place] for place, name in enumerate(THEIRS)}
    return found | {"wrk": _said("wrk", "-v"), "h2load": _said("h2load", "--version")}


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    number = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return number[0] if number else "?"
