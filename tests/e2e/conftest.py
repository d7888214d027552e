"""One release, shared by all scenarios; they run in the order of their numbers."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import steady_client
from cluster import Namespace, run, until
from figures import Figures
from operations_page import blocks, run_block
from release import Release, ready_since
from steady_client import SteadyClient

KEPT = os.environ.get("TIDECAST_E2E_NAMESPACE")
"""Name of a namespace that is used as it is, release and all, and is left behind: for looking into
one scenario again and again. It and NAME-clients must be there."""
IMAGE = os.environ.get("TIDECAST_E2E_IMAGE", "localhost/tidecast:dev")
READY_WITHIN_SECONDS = 300
SERVERS = 2
ENFORCED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    collected = Figures()
    yield collected
    if KEPT:
        return
    version = run("kubectl", "version", "-o", "yaml")
    server = [line for line in version.splitlines() if "gitVersion" in line][-1].split()[-1]
    collected.write(f"Kubernetes {server}, {os.cpu_count()} cores, shared")


@pytest.fixture(scope="session")
def image() -> str:
    """Repository and tag under test."""
    return IMAGE


@pytest.fixture(scope="session")
def namespace() -> Iterator[Namespace]:
    """Where the release is; the commands of the operations page make it."""
    if KEPT:
        yield Namespace(KEPT)
        return
    named = Namespace(f"tidecast-e2e-{uuid.uuid4().hex[:6]}")
    yield named
    _delete(named)


@pytest.fixture(scope="session")
def clients(namespace: Namespace) -> Iterator[Namespace]:
    """Where clients live: a namespace of their own, as no rule of the release is theirs."""
    named = Namespace(f"{namespace.name}-clients")
    if KEPT:
        yield named
        return
    run("kubectl", "create", "namespace", named.name)
    run("kubectl", "label", "namespace", named.name, ENFORCED)
    yield named
    _delete(named)


@pytest.fixture(scope="session")
def release(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The release under test, installed as docs/operations.md says."""
    made = Release(namespace, IMAGE)
    try:
        if not KEPT:
            run_block(blocks()["Install"], made, tmp_path_factory.mktemp("install"))
            made.ready_seconds = _first_ready_seconds(made)
            until("all servers", lambda: len(made.ready_servers()) == SERVERS, READY_WITHIN_SECONDS)
        yield made
    finally:
        _keep_logs(namespace)


def _first_ready_seconds(release: Release) -> float:
    """From the namespace, which came just before `helm install`, to the first ready server."""
    named = json.loads(run("kubectl", "get", "namespace", release.namespace.name, "-o", "json"))
    begun = datetime.fromisoformat(named["metadata"]["creationTimestamp"])
    return min((ready_since(pod) - begun).total_seconds() for pod in release.ready_servers())


def _delete(namespace: Namespace) -> None:
    words = ("--ignore-not-found", "--timeout=120s")
    run("kubectl", "delete", "namespace", namespace.name, *words, seconds=150)


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
