"""One release, shared by all scenarios; they run in the order of their numbers."""

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import steady_client
from cluster import Namespace, run, until
from figures import Figures
from release import CHART, NAME, Release
from steady_client import SteadyClient

KEPT = os.environ.get("TIDECAST_E2E_NAMESPACE")
"""Name of a namespace that is used as it is, release and all, and is left behind: for looking into
one scenario again and again. It and NAME-clients must be there."""
IMAGE = os.environ.get("TIDECAST_E2E_IMAGE", "localhost/tidecast:dev")
READY_WITHIN_SECONDS = 600
ENFORCED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    collected = Figures()
    yield collected
    version = run("kubectl", "version", "-o", "yaml")
    server = [line for line in version.splitlines() if "gitVersion" in line][-1].split()[-1]
    collected.write(f"Kubernetes {server}, {os.cpu_count()} cores, shared")


def _namespace(name: str) -> Namespace:
    run("kubectl", "create", "namespace", name)
    run("kubectl", "label", "namespace", name, ENFORCED)
    return Namespace(name)


@pytest.fixture(scope="session")
def namespace() -> Iterator[Namespace]:
    if KEPT:
        yield Namespace(KEPT)
        return
    made = _namespace(f"tidecast-e2e-{uuid.uuid4().hex[:6]}")
    yield made
    run("kubectl", "delete", "namespace", made.name, "--timeout=120s", seconds=150)


@pytest.fixture(scope="session")
def clients(namespace: Namespace) -> Iterator[Namespace]:
    """Where clients live: a namespace of their own, as no rule of the release is theirs."""
    if KEPT:
        yield Namespace(f"{KEPT}-clients")
        return
    made = _namespace(f"{namespace.name}-clients")
    yield made
    run("kubectl", "delete", "namespace", made.name, "--timeout=120s", seconds=150)


@pytest.fixture(scope="session")
def release(namespace: Namespace) -> Iterator[Release]:
    made = Release(namespace, IMAGE)
    if KEPT:
        yield made
        _keep_logs(namespace)
        return
    started = time.monotonic()
    namespace.helm("install", NAME, str(CHART), *made.values())
    until("a ready server", made.ready_servers, READY_WITHIN_SECONDS)
    made.ready_seconds = time.monotonic() - started
    yield made
    _keep_logs(namespace)


@pytest.fixture
def client(
    clients: Namespace, release: Release, request: pytest.FixtureRequest
) -> Iterator[SteadyClient]:
    """A client that asks all the time, and is gone after the test."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:50].strip("-")
    started = steady_client.start(clients, name, IMAGE, release.namespace.name)
    yield started
    started.delete()


def _keep_logs(namespace: Namespace) -> None:
    """For whoever looks into a failure."""
    folder = Path(os.environ.get("TIDECAST_E2E_LOGS", ".e2e-logs"))
    folder.mkdir(exist_ok=True)
    for pod in namespace.items("pods"):
        name = pod["metadata"]["name"]
        words = ["kubectl", "-n", namespace.name, "logs", name, "--all-containers", "--prefix"]
        log = subprocess.run(words, capture_output=True, text=True, timeout=60)
        (folder / f"{name}.log").write_text(log.stdout)
    events = namespace.kubectl("get", "events", "--sort-by=.lastTimestamp")
    (folder / "events.txt").write_text(events)
    (folder / "pods.txt").write_text(namespace.kubectl("get", "pods,jobs,leases", "-o", "wide"))
