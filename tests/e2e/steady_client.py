"""The pod that asks all the time, as the tests see it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import JsonObject, Namespace, until

SCRIPT = Path(__file__).parent / "clients" / "steady.py"
PER_SECOND = 20
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


@dataclass(frozen=True)
class SteadyClient:
    """A running client; what it counted grows until it is stopped."""

    namespace: Namespace
    name: str

    def seen(self) -> dict[str, Any]:
        """What each kind of client counted up to now."""
        line = self.namespace.kubectl("logs", self.name, "--tail=1")
        found: dict[str, Any] = json.loads(line)
        return found

    def stop(self) -> dict[str, Any]:
        """End it; what it counted in all."""
        time.sleep(2)
        seen = self.seen()
        self.delete()
        return seen

    def delete(self) -> None:
        """End it, if it is there."""
        self.namespace.kubectl("delete", "pod", self.name, "--now", "--ignore-not-found")


Start = Callable[[str], SteadyClient]
"""Starts a client of a name."""


def start(clients: Namespace, name: str, image: str, served_in: str) -> SteadyClient:
    """Start a client and wait until all its kinds are answered."""
    client = SteadyClient(clients, name)
    text = {"steady.py": SCRIPT.read_text()}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": text}
    clients.apply(config, _pod(name, image, served_in))
    until(
        "answers to the steady client",
        lambda: all(kind["answers"] for kind in client.seen().values()),
        90,
    )
    return client


def failures(seen: dict[str, Any]) -> dict[str, list[str]]:
    """What failed, by kind of client; told at once too, as a long run says it only at its end."""
    failed = {kind: counts["failures"] for kind, counts in seen.items() if counts["failed"]}
    if failed:
        print(failed)
    return failed


def figures(seen: dict[str, Any]) -> dict[str, int | float]:
    """Counts over all kinds, and the slowest answer of any."""
    return {
        "answers": sum(kind["answers"] for kind in seen.values()),
        "failed": sum(kind["failed"] for kind in seen.values()),
        "refused_and_asked_again": sum(kind["refusals"] for kind in seen.values()),
        "slowest_answer_seconds": round(max(k["slowest_seconds"] for k in seen.values()), 2),
    }


def _pod(name: str, image: str, served_in: str) -> JsonObject:
    rest = f"http://tidecast-server.{served_in}:3000"
    grpc = f"dns:///tidecast-headless.{served_in}:50051"
    container = {
        "name": "client",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/client/steady.py", rest, grpc, str(PER_SECOND)],
        "securityContext": RESTRICTED,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "script", "mountPath": "/client"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": security,
        "containers": [container],
        "volumes": [
            {"name": "script", "configMap": {"name": name}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
