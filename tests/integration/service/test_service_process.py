"""``python -m service`` refuses wrong settings in one line, and runs BentoML's worker otherwise."""

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from service.worker import ROOT, worker_environment
from tests.integration.service.conftest import run_service
from tidecast.exit_codes import ExitCode
from tidecast.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIDECAST_SERVICE__PORT", "70000"),
        ("TIDECAST_SERVICE__POLL_SECONDS", "0"),
        ("TIDECAST_CLOCK__SIMULATED_AT", "2025-01-01T00:00:00Z"),
        ("TIDECAST_DEFAULT_LEVELS", "[0.123]"),
    ],
)
def test_service_process_names_the_wrong_setting_in_one_line(name: str, value: str) -> None:
    done = run_service(**{name: value})
    assert done.returncode == ExitCode.CONFIGURATION
    (line,) = done.stderr.splitlines()
    assert line.startswith("service: TIDECAST_")
    assert name.split("__")[0] in line


def test_worker_environment_has_absolute_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    monkeypatch.setenv("TIDECAST_CONFIG_FILE", "tidecast.yaml")
    (tmp_path / "tidecast.yaml").write_text("horizon: 12\n")
    environment = worker_environment(Settings())
    assert environment["BENTOML_HOME"] == str(tmp_path / ".tidecast" / "bentoml")
    assert environment["TIDECAST_HOME_DIR"] == str(tmp_path / ".tidecast")
    assert environment["TIDECAST_CONFIG_FILE"] == str(tmp_path / "tidecast.yaml")


@pytest.fixture
def started(installation) -> Iterator[Any]:
    """The service as the image starts it, ready."""
    running = installation.start([sys.executable, "-m", "service"], ROOT)
    running.wait_ready()
    yield running
    if running.process.poll() is None:
        running.stop()


def test_service_process_is_a_worker_and_a_parent_that_weighs_nothing(started: Any) -> None:
    parent = psutil.Process(started.process.pid)
    (worker,) = parent.children()
    assert "service.worker" in worker.cmdline()
    assert parent.memory_info().rss < 25 * 2**20


def test_service_process_answers_what_it_makes_with_pandas(started: Any) -> None:
    assert started.get("/v1/scores/BTC-USD").json()["symbol"] == "BTC-USD"


def test_service_process_ends_well_when_it_is_told_to(started: Any) -> None:
    family = psutil.Process(started.process.pid).children(recursive=True)
    assert started.stop() == ExitCode.OK
    assert psutil.wait_procs(family, 5)[1] == []


def test_killed_worker_refuses_connections_at_once_and_ends_the_process(started: Any) -> None:
    (worker,) = psutil.Process(started.process.pid).children()
    worker.kill()
    worker.wait(5)
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(f"{started.url}/livez", timeout=5)
    assert started.process.wait(5) == 128 + signal.SIGKILL


def test_killed_worker_leaves_no_process_behind(started: Any) -> None:
    worker, keeper = psutil.Process(started.process.pid).children(recursive=True)
    worker.kill()
    assert psutil.wait_procs([worker, keeper], 5)[1] == []


def test_service_process_names_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = run_service(TIDECAST_SERVICE__PORT=str(port), TIDECAST_SERVICE__GRPC_PORT="null")
    assert done.returncode == ExitCode.CONFIGURATION
    assert f"TIDECAST_SERVICE__PORT: cannot listen on 127.0.0.1:{port}" in done.stderr
