"""`python -m monitoring` as the process of a container."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.monitoring.cluster.fake_kubernetes import FakeKubernetes
from tests.integration.waiting import wait_for

ROOT = Path(__file__).parents[4]
PATIENCE_SECONDS = 40.0
NOWHERE = 9
"""A port on which nobody listens."""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, kubeconfig: Path) -> Iterator[Start]:
    """Starts a monitor in the fake cluster; a changed setting wins."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(**changes: str) -> subprocess.Popen[bytes]:
        settings = {
            "HOME_DIR": str(tmp_path),
            "MONITORING__KUBERNETES__TRAINING_CRONJOB": "tidecast-training",
            "MONITORING__KUBERNETES__LEASE": "tidecast-monitor",
            "MONITORING__KUBERNETES__LEASE_SECONDS": "3",
            **changes,
        }
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TIDECAST_")}
        environment |= {f"TIDECAST_{name}": value for name, value in settings.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "monitoring"],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def read_metric(port: int, name: str) -> float | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    found = [line.rpartition(" ")[2] for line in lines if line.startswith(name)]
    return float(found[0]) if found else None


def end(process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    """Ask it to end; returns its log lines."""
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE_SECONDS)
    return [json.loads(line) for line in log.splitlines()]


def listens_to(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1]
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_monitor_waits_when_everything_is_away_at_its_start(
    start: Start, kubernetes: FakeKubernetes
) -> None:
    port = free_port()
    kubernetes.close()
    process = start(
        DATABASE_URL=f"postgresql://nobody@127.0.0.1:{NOWHERE}/none",
        MLFLOW_TRACKING_URI=f"http://127.0.0.1:{NOWHERE}",
        MONITORING__KUBERNETES__METRICS_PORT=str(port),
    )
    refused = 'tidecast_kubernetes_requests_total{call="get_lease",result="unavailable"}'

    wait_for(lambda: (read_metric(port, refused) or 0) >= 2, PATIENCE_SECONDS)

    assert read_metric(port, "tidecast_monitoring_leader") == 0.0
    lines = end(process)
    assert process.returncode == 0
    said = {line["event"] for line in lines}
    assert {"lease_unusable", "monitoring_postponed"} <= said
    assert (
        "postgresql"
        in next(one for one in lines if one["event"] == "monitoring_postponed")["error"]
    )


def test_monitor_gives_the_lease_up_after_sigterm(start: Start, kubernetes: FakeKubernetes) -> None:
    def holder() -> str | None:
        found: str | None = kubernetes.objects["leases"]["tidecast-monitor"]["spec"].get(
            "holderIdentity"
        )
        return found

    process = start(MONITORING__KUBERNETES__IDENTITY="monitor-7")
    wait_for(lambda: holder() == "monitor-7", PATIENCE_SECONDS)

    end(process)

    assert process.returncode == 0
    assert holder() == ""


def test_monitor_ends_at_once_while_it_is_still_loading(start: Start) -> None:
    process = start()
    wait_for(lambda: listens_to(process, signal.SIGTERM), PATIENCE_SECONDS)

    lines = end(process)

    assert process.returncode == 0
    assert lines == []


def test_monitor_refuses_a_cluster_that_it_cannot_sign_in_to(
    start: Start, kubeconfig: Path
) -> None:
    kubeconfig.unlink()
    process = start()

    _, log = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 64
    assert b"no access to a Kubernetes cluster" in log


def test_monitor_refuses_a_metrics_port_that_is_taken(start: Start) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        process = start(MONITORING__KUBERNETES__METRICS_PORT=str(taken.getsockname()[1]))
        _, log = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 64
    assert b"/metrics cannot be served" in log
