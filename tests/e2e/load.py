"""Locust beside the cluster, which reaches the servers by a port of the nodes."""

import csv
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import requests
from cluster import Namespace, run, until
from release import NAME, ROOT

HTTP_PORT, GRPC_PORT = 31300, 31351
ANY_TIME = ("--p95-ms", "10000", "--p99-ms", "10000")
"""On a cluster of two cores the load itself takes the time away: errors count here, not times."""


@dataclass
class Load:
    """A run of Locust; its exit code says whether a request failed."""

    process: "subprocess.Popen[str]"
    log: Path
    reports: Path

    def is_running(self) -> bool:
        """Whether it goes on.

        Raises:
            RuntimeError: it has ended by itself.
        """
        if self.process.poll() is not None:
            raise RuntimeError(f"the load ended:\n{self.log.read_text()[-2000:]}")
        return True

    def stop(self) -> None:
        """End it early, as Ctrl-C does; it judges what it saw."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def requests(self) -> int:
        """How many it made, of every protocol together."""
        (table,) = self.reports.glob("*_stats.csv")
        with table.open() as rows:
            counts = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(rows)}
        return counts["Aggregated"]


def node_address() -> str:
    """Where a port of the nodes is; `TIDECAST_E2E_NODE` names it when the test cannot know."""
    known = os.environ.get("TIDECAST_E2E_NODE")
    if known:
        return known
    path = "{.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    return run("kubectl", "get", "nodes", "-o", f"jsonpath={path}").strip()


def open_ports(namespace: Namespace) -> None:
    """A Service of type NodePort beside the release's own."""
    selector = namespace.get("service", f"{NAME}-server")["spec"]["selector"]
    ports = [
        {"name": "http", "port": 3000, "targetPort": "http", "nodePort": HTTP_PORT},
        {"name": "grpc", "port": 50051, "targetPort": "grpc", "nodePort": GRPC_PORT},
    ]
    spec = {"type": "NodePort", "selector": selector, "ports": ports}
    metadata = {"name": "e2e-load"}
    namespace.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    until("an answer at the nodes' port", _is_open, 60)


def _is_open() -> bool:
    try:
        return requests.get(f"http://{node_address()}:{HTTP_PORT}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


def start(folder: Path, name: str, users: int, seconds: int, *words: str) -> Load:
    """Start Locust with so many users, each of whom asks ten times a second."""
    log, reports = folder / f"locust-{name}.log", folder / f"locust-{name}"
    host = node_address()
    environment = {
        **os.environ,
        "HOST": f"http://{host}:{HTTP_PORT}",
        "REPORTS": str(reports),
        "TIDECAST_LOADTEST_GRPC_HOST": f"{host}:{GRPC_PORT}",
    }
    # Whoever runs the tests in the background may have told them to ignore Ctrl-C.
    command = [
        "env",
        "--default-signal=INT",
        sys.executable,
        "-m",
        "loadtests",
        "-u",
        str(users),
        "-t",
        f"{seconds}s",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *ANY_TIME, "--error-share", "0", *words],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    return Load(process, log, reports)
