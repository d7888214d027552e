from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from monitoring.cluster import api
from monitoring.cluster.api import (
    Cluster,
    ClusterConflict,
    ClusterRefused,
    ClusterUnavailable,
    connect_to_cluster,
)
from tests.integration.monitoring.cluster.conftest import write_kubeconfig
from tests.integration.monitoring.cluster.fake_kubernetes import (
    NAMESPACE,
    Fault,
    answer,
    answer_html,
    reset,
    stay_silent,
)
from tidecast.errors import ConfigurationError

FAULTS: dict[str, tuple[Fault, type[Exception]]] = {
    "conflict": (answer(409, "there is one"), ClusterConflict),
    "forbidden": (answer(403, "cannot get"), ClusterRefused),
    "not found": (answer(404, "no such"), ClusterRefused),
    "invalid": (answer(422, "is invalid"), ClusterRefused),
    "too many requests": (answer(429, "slow down"), ClusterUnavailable),
    "server error": (answer(500, "etcd is away"), ClusterUnavailable),
    "no object": (answer_html, ClusterUnavailable),
    "reset": (reset, ClusterUnavailable),
    "silence": (stay_silent, ClusterUnavailable),
}


def calls(result: str) -> float:
    labels = {"call": "get_cronjob", "result": result}
    return REGISTRY.get_sample_value("tidecast_kubernetes_requests_total", labels) or 0.0


@pytest.mark.parametrize("case", FAULTS)
def test_cluster_tells_each_fault_by_who_must_act(
    case: str, cluster: Cluster, kubernetes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "TIMEOUT_SECONDS", (0.5, 0.5))
    fault, expected = FAULTS[case]
    kubernetes.faults["GET", "cronjobs"] = [fault]

    with pytest.raises(expected):
        cluster.cronjob("tidecast-training")

    assert cluster.cronjob("tidecast-training")["spec"]["suspend"] is True


def test_cluster_passes_the_words_of_the_api_server_on(cluster: Cluster, kubernetes: Any) -> None:
    kubernetes.allowed.clear()

    with pytest.raises(ClusterRefused, match="cronjobs is forbidden: cannot GET"):
        cluster.cronjob("tidecast-training")


@pytest.mark.parametrize(
    ("fault", "result"),
    [(answer(409), "conflict"), (answer(403), "refused"), (answer(503), "unavailable")],
)
def test_cluster_counts_calls_by_result(
    cluster: Cluster, kubernetes: Any, fault: Fault, result: str
) -> None:
    before = calls(result)
    kubernetes.faults["GET", "cronjobs"] = [fault]

    with pytest.raises((ClusterConflict, ClusterRefused, ClusterUnavailable)):
        cluster.cronjob("tidecast-training")

    assert calls(result) == before + 1


def test_cluster_reads_a_renewed_token(cluster: Cluster, kubernetes: Any, kubeconfig: Path) -> None:
    kubernetes.token = "second"
    write_kubeconfig(kubeconfig, kubernetes.url, "second")

    assert cluster.cronjob("tidecast-training")["metadata"]["name"] == "tidecast-training"
    assert kubernetes.answers("GET", "cronjobs") == [401, 200]


def test_cluster_asks_twice_at_most_with_a_token_that_is_refused(
    cluster: Cluster, kubernetes: Any
) -> None:
    kubernetes.token = "unknown"

    with pytest.raises(ClusterRefused, match="Unauthorized"):
        cluster.cronjob("tidecast-training")

    assert kubernetes.answers("GET", "cronjobs") == [401, 401]


def test_cluster_is_unavailable_when_nobody_listens(kubernetes: Any, kubeconfig: Path) -> None:
    write_kubeconfig(kubeconfig, "http://127.0.0.1:9", "first")

    with pytest.raises(ClusterUnavailable, match="cannot be reached"):
        connect_to_cluster(None).cronjob("tidecast-training")


def test_cluster_takes_the_namespace_of_the_context(cluster: Cluster) -> None:
    assert cluster.namespace == NAMESPACE


@pytest.mark.parametrize("namespace", [None, "forecasts"])
def test_connecting_without_any_access_says_what_is_missing(
    kubeconfig: Path, namespace: str | None
) -> None:
    kubeconfig.unlink()

    with pytest.raises(ConfigurationError, match="mount the ServiceAccount's token"):
        connect_to_cluster(namespace)


def test_connecting_inside_a_pod_without_a_token_says_what_is_missing(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")

    with pytest.raises(ConfigurationError, match="mount the ServiceAccount's token"):
        connect_to_cluster(None)
