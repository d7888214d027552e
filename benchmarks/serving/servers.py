"""The servers that are measured, each a process on its own core that can be paused and ended."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import requests

from benchmarks.serving import asked, cores, processes
from benchmarks.serving.home import ROOT, Home

READY_SECONDS = 120.0
STOP_SECONDS = 30.0
WORKERS = ("service.worker", "_bentoml_impl.worker.service")
"""One is in the command line of the process that answers, of ours and of BentoML's."""
PEERS = Path(os.environ.get("TIDECAST_BENCH_PEERS", ROOT / ".venv-peers"))
SOURCES = Path(__file__).parent / "peers"
STOCK_PATH, STOCK_BYTES = "/constant", 639
"""Where the stock service answers, and how much."""


@dataclass
class Server:
    """A running server; ``grpc`` is its host:port, empty where there is none."""

    name: str
    process: "subprocess.Popen[bytes]"
    url: str
    grpc: str
    log: Path

    @property
    def worker(self) -> int:
        """Pid of the process that answers."""
        workers = [pid for pid in processes.descendants(self.process.pid) if _is_worker(pid)]
        return workers[0] if workers else self.process.pid

    def pause(self) -> None:
        """Let it take no time from the one that is measured."""
        self._tell(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on."""
        self._tell(signal.SIGCONT)

    def stop(self) -> None:
        """End it and whatever it started."""
        self.resume()
        started = list(processes.descendants(self.process.pid))
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in started:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _tell(self, what: signal.Signals) -> None:
        for pid in (self.process.pid, *processes.descendants(self.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, what)


@contextmanager
def tidecast(home: Home, **settings: str) -> Iterator[Server]:
    """Our service as it is deployed, on a home; ready when the block begins."""
    port, grpc_port = free_port(), free_port()
    environment = {
        **home.environment(grpc_port),
        "TIDECAST_SERVICE__PORT": str(port),
        "PYTHONPATH": str(ROOT),
        **settings,
    }
    command = [sys.executable, "-m", "service"]
    with _running("tidecast", command, port, grpc_port, environment, home.folder) as server:
        wait(server, lambda: _ok(f"{server.url}{asked.FORECAST}"))
        wait(server, lambda: _ok(f"{server.url}/readyz"))
        _wait_grpc(server)
        yield server


@contextmanager
def bentoml(folder: Path) -> Iterator[Server]:
    """The stock `@api`."""
    port = free_port()
    environment = {**_bare(), "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    command = [_peer(), "-m", "bentoml", "serve", "stock_bentoml:Stock", "--port", str(port)]
    command += ["--host", "127.0.0.1"]
    with _running("bentoml", command, port, 0, environment, SOURCES, folder) as server:
        wait(server, lambda: _ok(f"{server.url}/readyz"))
        yield server


@contextmanager
def mlserver(folder: Path) -> Iterator[Server]:
    """A constant model."""
    port, grpc_port = free_port(), free_port()
    repository = shutil.copytree(SOURCES / "mlserver", folder / "repository")
    environment = {
        **_bare(),
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_GRPC_PORT": str(grpc_port),
        "MLSERVER_HOST": "127.0.0.1",
    }
    command = [_peer(), "-m", "mlserver.cli.main", "start", str(repository)]
    with _running("mlserver", command, port, grpc_port, environment, repository, folder) as server:
        wait(server, lambda: _ok(f"{server.url}/v2/models/constant/ready"))
        _wait_grpc(server)
        yield server


@contextmanager
def _running(
    name: str,
    command: Sequence[str],
    port: int,
    grpc_port: int,
    environment: Mapping[str, str],
    where: Path,
    logs: Path | None = None,
) -> Iterator[Server]:
    log = (logs or where) / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            cores.pinned(command, cores.SERVER_CORE),
            cwd=where,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url, target = f"http://127.0.0.1:{port}", f"127.0.0.1:{grpc_port}" if grpc_port else ""
    server = Server(name, process, url, target, log)
    try:
        yield server
    finally:
        server.stop()


def wait(server: Server, done: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    """Wait until something is true of a server.

    Raises:
        RuntimeError: it ended, or it took too long.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} is not ready:\n{server.log.read_text()[-2000:]}")
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _ok(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, timeout=10).status_code == 200
    except requests.RequestException:
        return False


def _wait_grpc(server: Server) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        grpc.channel_ready_future(channel).result(READY_SECONDS)


def _is_worker(pid: int) -> bool:
    command = processes.command(pid)
    return any(name in command for name in WORKERS)


def _bare() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if "TIDECAST" not in key}


def _peer() -> str:
    python = PEERS / "bin" / "python"
    if not python.exists():
        raise RuntimeError(f"there is no {python}: run make peers")
    return str(python)
