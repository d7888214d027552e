"""What is refused, and how it says so; in a namespace of its own, before anything is installed."""

import subprocess
from collections.abc import Iterator

import pytest
from cluster import Namespace, restarts, run, until
from figures import Figures
from release import CHART, NAME, Release

SECRET = "not-there"
EXTERNAL = (
    *("--set", "database.bundled.enabled=false", "--set", "database.external.host=nowhere"),
    *("--set", f"database.external.existingSecret={SECRET}"),
    *("--set", "autoscaling.minReplicas=1", "--set", "storage="),
)


@pytest.fixture(scope="module")
def elsewhere(namespace: Namespace) -> Iterator[Namespace]:
    """A namespace that holds nothing."""
    made = Namespace(f"{namespace.name}-refused")
    run("kubectl", "create", "namespace", made.name)
    yield made
    run("kubectl", "delete", "namespace", made.name, "--wait=false")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [("autoscalng.maxReplicas=3", "autoscalng"), ("autoscaling.maxReplicas=many", "maxReplicas")],
)
def test_wrong_value_is_refused_at_install_by_its_name(
    elsewhere: Namespace, wrong: str, named: str
) -> None:
    words = ["helm", "--namespace", elsewhere.name, "install", NAME, str(CHART), "--set", wrong]
    refused = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0
    assert named in refused.stderr
    assert elsewhere.items("deployments") == []


def test_missing_secret_is_named_by_the_pod_that_waits(
    elsewhere: Namespace, image: str, figures: Figures
) -> None:
    words = [*Release(elsewhere, image).image_values(), *EXTERNAL]
    elsewhere.helm("install", NAME, str(CHART), *words)
    secret = until("the Secret named", lambda: _waits_for(elsewhere, SECRET), 90)
    half = ("--from-literal=username=tidecast",)
    elsewhere.kubectl("create", "secret", "generic", SECRET, *half)
    key = until("the key named", lambda: _waits_for(elsewhere, "key password"), 90)
    figures.note("0 missing secret", at_first=secret, with_half_of_it=key)
    assert SECRET in key
    assert [restarts(pod) for pod in elsewhere.pods("server")] == [0]
    elsewhere.helm("uninstall", NAME)


def _waits_for(namespace: Namespace, what: str) -> str:
    """What a server says that it waits for, once that has to do with ``what``."""
    (pod,) = namespace.pods("server")
    for container in pod["status"].get("initContainerStatuses", []):
        waiting = container["state"].get("waiting", {})
        if waiting.get("reason") == "CreateContainerConfigError" and what in waiting["message"]:
            return str(waiting["message"])
    return ""
