from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from monitoring.cluster.api import Cluster, connect_to_cluster
from tests.integration.monitoring.cluster.fake_kubernetes import NAMESPACE, FakeKubernetes

CRONJOB = yaml.safe_load("""
metadata: {name: tidecast-training, namespace: forecasts, labels: {app: tidecast}}
spec:
  suspend: true
  schedule: "0 0 1 1 *"
  jobTemplate:
    metadata: {labels: {app.kubernetes.io/component: training}, annotations: {kept: "yes"}}
    spec:
      completionMode: Indexed
      completions: 3
      parallelism: 2
      backoffLimit: 2
      activeDeadlineSeconds: 3600
      ttlSecondsAfterFinished: 604800
      podReplacementPolicy: Failed
      podFailurePolicy:
        rules:
        - {action: Ignore, onPodConditions: [{type: DisruptionTarget, status: "True"}]}
        - {action: FailJob, onExitCodes: {containerName: trainer, operator: In, values: [64, 65]}}
        - {action: FailJob, onExitCodes: {containerName: trainer, operator: In, values: [137]}}
      template:
        metadata: {labels: {app.kubernetes.io/component: training}}
        spec:
          restartPolicy: Never
          serviceAccountName: tidecast-training
          fieldOfATomorrow: kept
          containers:
          - {name: trainer, image: tidecast, command: [python, -m, training], args: [--model, ewma]}
""")


@pytest.fixture
def kubernetes() -> Iterator[FakeKubernetes]:
    """A cluster with the CronJob and the Lease that the chart makes."""
    fake = FakeKubernetes()
    fake.put("cronjobs", "tidecast-training", CRONJOB)
    fake.put("leases", "tidecast-monitor", {"spec": {}})
    yield fake
    fake.close()


@pytest.fixture
def kubeconfig(kubernetes: FakeKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that signs in to it."""
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, kubernetes.url, kubernetes.token)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(path))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    return path


def write_kubeconfig(path: Path, url: str, token: str) -> None:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "monitor", "user": {"token": token}}],
        "contexts": [
            {
                "name": "fake",
                "context": {"cluster": "fake", "user": "monitor", "namespace": NAMESPACE},
            }
        ],
        "current-context": "fake",
    }
    path.write_text(yaml.safe_dump(content))


@pytest.fixture
def cluster(kubeconfig: Path) -> Cluster:
    return connect_to_cluster(None)


class HandSeconds:
    """A steady clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def seconds() -> HandSeconds:
    return HandSeconds()
