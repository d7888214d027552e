"""The calls to the Kubernetes API that the monitor's Role allows, and no other.

Objects are plain JSON in both directions. The client's typed models would drop or refuse a field
of a newer cluster, and a Job must be the whole of the template it is made from.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from urllib3.exceptions import HTTPError

from monitoring.metrics import count_call
from tidecast.errors import ConfigurationError, OperatorError, RetryLater

TIMEOUT_SECONDS = (3.0, 10.0)
"""To connect, and between two bytes of the answer."""
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
CRONJOB = "/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"

Object = dict[str, Any]
"""A Kubernetes object as JSON has it."""
Connect = Callable[[], Any]
"""Gives a client that is signed in."""


class ClusterUnavailable(RetryLater):
    """The API server is away, overloaded or answers nonsense."""


class ClusterRefused(OperatorError):
    """The API server refuses us or what we sent, or the object is not there."""


class ClusterConflict(RetryLater):
    """The object is there already, or somebody else changed it since it was read."""


class Cluster:
    """One namespace of a cluster. Safe to share by threads.

    All methods raise ``ClusterUnavailable`` when waiting may cure it and ``ClusterRefused`` when
    a person must act.

    Args:
        connect: signs in; called again when the API server knows our token no more.
        namespace: where everything is.
    """

    def __init__(self, connect: Connect, namespace: str) -> None:
        self._connect = connect
        self._client = connect()
        self.namespace = namespace

    def cronjob(self, name: str) -> Object:
        """Read a CronJob."""
        return self._call("get_cronjob", "GET", CRONJOB, name)

    def create_job(self, job: Object) -> None:
        """Create a Job.

        Raises:
            ClusterConflict: there is one of its name.
        """
        self._call("create_job", "POST", JOBS, body=job)

    def jobs(self, selector: str) -> list[Object]:
        """Jobs with these labels."""
        listed = self._call("list_jobs", "GET", JOBS, query=[("labelSelector", selector)])
        found: list[Object] = listed.get("items") or []
        return found

    def lease(self, name: str) -> Object:
        """Read a Lease."""
        return self._call("get_lease", "GET", LEASE, name)

    def replace_lease(self, name: str, lease: Object) -> Object:
        """Write a Lease back; its ``resourceVersion`` says what was read.

        Raises:
            ClusterConflict: it was changed since.
        """
        return self._call("update_lease", "PUT", LEASE, name, body=lease)

    def _call(
        self,
        call: str,
        method: str,
        path: str,
        name: str = "",
        body: Object | None = None,
        query: list[tuple[str, str]] | None = None,
    ) -> Object:
        path = path.format(namespace=self.namespace, name=name)
        try:
            answer = self._answer(method, path, body, query)
        except ClusterUnavailable:
            count_call(call, "unavailable")
            raise
        except ClusterConflict:
            count_call(call, "conflict")
            raise
        except ClusterRefused:
            count_call(call, "refused")
            raise
        count_call(call, "ok")
        return answer

    def _answer(
        self, method: str, path: str, body: Object | None, query: list[tuple[str, str]] | None
    ) -> Object:
        from kubernetes.client.exceptions import OpenApiException

        try:
            status, content = self._send(method, path, body, query)
            if status == 401:
                # The kubelet has renewed the token; a client holds the one it signed in with.
                self._client = self._connect()
                status, content = self._send(method, path, body, query)
        except (HTTPError, OSError, OpenApiException, ConfigurationError) as e:
            raise ClusterUnavailable(f"the Kubernetes API cannot be reached: {e}") from e
        return _read(method, path, status, content)

    def _send(
        self, method: str, path: str, body: Object | None, query: list[tuple[str, str]] | None
    ) -> tuple[int, bytes]:
        request = self._client.param_serialize(
            method,
            path,
            query_params=query or [],
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = self._client.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
        content: bytes = answer.read()
        return answer.status, content


def connect_to_cluster(namespace: str | None) -> Cluster:
    """Sign in with the mounted ServiceAccount, or outside a cluster with the kubeconfig.

    Raises:
        ConfigurationError: there is neither, or the client's package is not installed.
    """
    try:
        from kubernetes.client.api_client import ApiClient
        from kubernetes.client.configuration import Configuration
    except ImportError as e:
        raise ConfigurationError(
            "TIDECAST_MONITORING__KUBERNETES needs the package: pip install 'tidecast[kubernetes]'"
        ) from e

    def connect() -> Any:
        configuration = Configuration()
        _sign_in(configuration)
        configuration.retries = 0  # the next round is the retry
        return ApiClient(configuration)

    return Cluster(connect, namespace or _own_namespace())


def _sign_in(configuration: Any) -> None:
    from kubernetes import config

    with _access():
        if _inside():
            config.load_incluster_config(configuration)
        else:
            config.load_kube_config(_kubeconfig(), client_configuration=configuration)


@contextmanager
def _access() -> Iterator[None]:
    """Say what to do when there is no way into a cluster."""
    from kubernetes.config.config_exception import ConfigException

    try:
        yield
    except (ConfigException, OSError) as e:
        raise ConfigurationError(
            f"no access to a Kubernetes cluster: {e}; mount the ServiceAccount's token, or name a"
            " kubeconfig in KUBECONFIG"
        ) from e


def _kubeconfig() -> str | None:
    """Named here because the client reads the environment only when it is imported."""
    return os.environ.get("KUBECONFIG")


def _inside() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ


def _own_namespace() -> str:
    from kubernetes import config

    with _access():
        if _inside():
            return NAMESPACE_FILE.read_text().strip()
        _, current = config.list_kube_config_contexts(_kubeconfig())
    namespace: str = current["context"].get("namespace", "default")
    return namespace


def _read(method: str, path: str, status: int, content: bytes) -> Object:
    where = f"{method} {path}"
    try:
        answer = json.loads(content)
        message = str(answer.get("message", "")) or f"status {status}"
    except (ValueError, AttributeError):
        raise ClusterUnavailable(f"{where}: no Kubernetes object, status {status}") from None
    if 200 <= status < 300:
        found: Object = answer
        return found
    if status == 409:
        raise ClusterConflict(f"{where}: {message}")
    if status == 429 or status >= 500:
        raise ClusterUnavailable(f"{where}: {status}, {message}")
    raise ClusterRefused(f"{where}: {status}, {message}")
