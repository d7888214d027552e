"""Every command of docs/operations.md is run, in the order of the page."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Namespace, run, until
from figures import Figures
from operations_page import blocks, run_block
from release import CHART, NAME, Release

BLOCKS = blocks()
INSTALL, DATABASE_SECRET, WITHOUT_HELM, AGAIN = "Install", "Install 2", "Install 3", "Install 4"
SCALE = "Scale"
FIRST_KEY, SECOND_KEY = "Rotate a key", "Rotate a key 2"
ELSEWHERE = {INSTALL, DATABASE_SECRET, WITHOUT_HELM, AGAIN, FIRST_KEY, SECOND_KEY}
"""The first is how the release under test was installed; the next need a place of their own; from
the keys on nobody is let in without one."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's commands are run: what one writes another reads."""
    return tmp_path_factory.mktemp("operations")


@pytest.fixture
def other(release: Release) -> Iterator[Release]:
    """A namespace that holds nothing."""
    namespace = Namespace(f"{release.namespace.name}-manifests")
    run("kubectl", "create", "namespace", namespace.name)
    yield Release(namespace, release.image)
    run("kubectl", "delete", "namespace", namespace.name, "--wait=false")


def test_page_has_the_blocks_that_are_run_elsewhere() -> None:
    assert BLOCKS.keys() >= ELSEWHERE


def test_manifests_are_taken_without_helm(other: Release, folder: Path) -> None:
    repository, _, tag = other.image.rpartition(":")
    overlay = folder / "overlay"
    overlay.mkdir()
    kustomization = overlay / "kustomization.yaml"
    kustomization.write_text(
        f"namespace: {other.namespace.name}\n"
        "resources: [../k8s]\n"
        f"images: [{{name: tidecast, newName: {repository}, newTag: {tag}}}]\n"
    )
    run_block(BLOCKS[DATABASE_SECRET], other, folder)
    made = run_block(BLOCKS[WITHOUT_HELM], other, folder, manifests=overlay)
    assert "deployment.apps/tidecast-server created" in made
    names = {pod["metadata"]["name"] for pod in until("pods", other.servers, 60)}
    assert names
    until(
        "PostgreSQL",
        lambda: other.namespace.pods("postgresql")[0]["status"]["phase"] == "Running",
        60,
    )
    kustomization.write_text(kustomization.read_text().replace(f"newTag: {tag}", "newTag: another"))
    changed = run_block(BLOCKS[AGAIN], other, folder, manifests=overlay)
    assert "deployment.apps/tidecast-server configured" in changed


@pytest.mark.parametrize("name", [name for name in BLOCKS if name not in ELSEWHERE])
def test_commands_of_the_page_work(
    release: Release, folder: Path, figures: Figures, name: str
) -> None:
    candles = release.status()["candles"]
    run_block(BLOCKS[name], release, folder)
    release.rolled_out()
    until("no Job at work", lambda: not release.running_jobs(), 300)
    assert release.failed_jobs() == []
    # What a restored backup lacks is fetched again by the next ingestion.
    until("all candles", lambda: release.status()["candles"] >= candles, 150)
    figures.note("operations page", blocks_run=len(BLOCKS))
    if name == SCALE:
        _let_no_more_start(release)


def _let_no_more_start(release: Release) -> None:
    """Two cores that start server after server have no time for the rest of the page."""
    limits = release.namespace.get(f"hpa/{NAME}-server")["spec"]
    assert limits["maxReplicas"] > limits["minReplicas"]
    few = f"autoscaling.maxReplicas={limits['minReplicas']}"
    release.namespace.helm("upgrade", NAME, str(CHART), "--reuse-values", "--set", few)


def test_keys_of_clients_are_asked_for_and_changed(
    release: Release, folder: Path, figures: Figures
) -> None:
    run_block(BLOCKS[FIRST_KEY], release, folder)
    release.rolled_out()
    first = _key(folder / "alice.txt")
    assert _codes(release, first) == {200}
    assert _codes(release, "not-a-key") == {401}
    run_block(BLOCKS[SECOND_KEY], release, folder)
    changed, second = time.monotonic(), _key(folder / "alice-second.txt")
    until("the second key", lambda: _codes(release, second) == {200}, 150)
    figures.note("operations page", new_key_known_after_seconds=round(time.monotonic() - changed))
    assert _codes(release, first) == {200}


def _key(path: Path) -> str:
    return path.read_text().splitlines()[0]


def _codes(release: Release, key: str) -> set[int]:
    """What the servers answer somebody with this key."""
    ask = (
        "import requests; print(requests.get('http://localhost:3000/v1/forecasts/BTC-USD', "
        f"headers={{'Authorization': 'Bearer {key}'}}, timeout=10).status_code)"
    )
    names = [pod["metadata"]["name"] for pod in release.ready_servers()]
    execute = release.namespace.execute
    return {int(execute(name, "server", "python", "-c", ask)) for name in names}
