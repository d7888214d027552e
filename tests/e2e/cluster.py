"""The cluster as a person with kubectl and helm sees it."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]
COMMAND_SECONDS = 120


class NotInTime(AssertionError):
    """Something awaited did not happen."""


@dataclass(frozen=True)
class Namespace:
    """One namespace of the cluster that KUBECONFIG names."""

    name: str

    def kubectl(
        self, *words: str, text: str | None = None, seconds: float = COMMAND_SECONDS
    ) -> str:
        """What kubectl prints; its failure is ours."""
        return run("kubectl", "--namespace", self.name, *words, text=text, seconds=seconds)

    def helm(self, *words: str, seconds: float = 600) -> str:
        """What helm prints; its failure is ours."""
        return run("helm", "--namespace", self.name, *words, seconds=seconds)

    def apply(self, *objects: JsonObject) -> None:
        """Create or change objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", text=json.dumps(listed))

    def get(self, *words: str) -> JsonObject:
        """One object, or a List."""
        found: JsonObject = json.loads(self.kubectl("get", *words, "-o", "json"))
        return found

    def items(self, *words: str) -> list[JsonObject]:
        """The objects of a kind."""
        return list(self.get(*words)["items"])

    def pods(self, component: str) -> list[JsonObject]:
        """Pods of one component, those on their way out left out."""
        selector = f"app.kubernetes.io/component={component}"
        pods = self.items("pods", "-l", selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def execute(self, pod: str, container: str, *words: str, seconds: float = 60) -> str:
        """What a command in a container prints."""
        return self.kubectl("exec", pod, "-c", container, "--", *words, seconds=seconds)


def run(*words: str, text: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
    """What a command prints.

    Raises:
        AssertionError: it failed; the message has what it said.
    """
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr[-3000:]}"
    return done.stdout


def until(what: str, happened: Callable[[], Any], seconds: float, pause: float = 1.0) -> Any:
    """The first true result of ``happened``; a command that fails counts as false."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            if found := happened():
                return found
        except (AssertionError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
            last = error
        time.sleep(pause)
    raise NotInTime(f"{what}: not within {seconds:g} s; last: {last}")


def restarts(pod: JsonObject) -> int:
    """How often containers of a pod were started again."""
    status = pod["status"]
    every = status.get("containerStatuses", []) + status.get("initContainerStatuses", [])
    return sum(int(container["restartCount"]) for container in every)
