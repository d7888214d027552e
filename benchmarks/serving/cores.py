"""Which core does what: the server has one, the load the other, and nothing moves."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

SERVER_CORE, LOAD_CORE = "0", "1"
GRACE_SECONDS = 60.0
"""How much longer than its load a generator may take before it is ended."""
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux"}
"""Commands, and the Debian packages that hold them."""


def missing_tools() -> list[str]:
    """What has to be installed first, one line each."""
    lines = [
        f"{tool}: apt-get install {package}"
        for tool, package in TOOLS.items()
        if not shutil.which(tool)
    ]
    if (os.cpu_count() or 1) < 2:
        lines.append("a second core: the load must not take time from the server")
    return lines


def load(
    command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None
) -> str:
    """Run a load generator to its end; what it printed.

    Args:
        command: with its arguments.
        seconds: how long it should take.
        environment: variables beside those of this process.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(
        pinned(command, LOAD_CORE),
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=seconds + GRACE_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout)[-500:]}")
    return done.stdout


def pinned(command: Sequence[str], core: str) -> list[str]:
    """The command, held on a core."""
    return ["taskset", "--cpu-list", core, *command]
