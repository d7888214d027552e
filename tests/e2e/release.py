"""The release under test."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from cluster import JsonObject, Namespace, restarts

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "tidecast"
VALUES = (CHART / "ci" / "trial-values.yaml", Path(__file__).parent / "values.yaml")
SECONDS_AN_HOUR = 3600 // yaml.safe_load(VALUES[-1].read_text())["config"]["clock"]["speed"]
NAME = "tidecast"
MARKET = "BTC-USD:1h"
REPLAYED = "replayed data"
"""What every answer of a replay says under `degraded`."""


@dataclass
class Release:
    """An installed chart.

    Attributes:
        image: repository and tag, in the cluster already.
        ready_seconds: from `helm install` to the first ready server.
    """

    namespace: Namespace
    image: str
    ready_seconds: float = 0.0

    def values(self) -> list[str]:
        """Arguments of helm that give the values."""
        files = [word for path in VALUES for word in ("--values", str(path))]
        return [*files, *self.image_values()]

    def image_values(self) -> list[str]:
        """Arguments of helm that give the image alone."""
        repository, _, tag = self.image.rpartition(":")
        return ["--set", f"image.repository={repository}", "--set", f"image.tag={tag}"]

    def upgrade(self, *words: str, seconds: int = 300) -> None:
        """`helm upgrade` with the same values and more."""
        limit = f"{seconds}s"
        self.namespace.helm(
            "upgrade", NAME, str(CHART), *self.values(), "--wait", "--timeout", limit, *words,
            seconds=seconds + 60,
        )  # fmt: skip

    def servers(self) -> list[JsonObject]:
        """The server pods."""
        return self.namespace.pods("server")

    def ready_servers(self) -> list[JsonObject]:
        """Those that answer."""
        return [pod for pod in self.servers() if is_ready(pod)]

    def tidecast(self, *words: str, seconds: float = 120) -> str:
        """The command, run in a server pod."""
        pod = self.ready_servers()[0]["metadata"]["name"]
        return self.namespace.execute(pod, "server", "tidecast", *words, seconds=seconds)

    def ask(self, path: str, pod: str | None = None) -> Any:
        """JSON of a GET, asked inside a server pod."""
        name = pod or self.ready_servers()[0]["metadata"]["name"]
        return json.loads(self._get(name, f":3000{path}"))

    def monitor_metrics(self, pod: str) -> str:
        """What the monitor in a server pod tells Prometheus."""
        return self._get(pod, ":9100/metrics")

    def _get(self, pod: str, port_and_path: str) -> str:
        url = f"http://127.0.0.1{port_and_path}"
        code = f"import requests; print(requests.get({url!r}, timeout=10).text)"
        return self.namespace.execute(pod, "server", "python", "-c", code)

    def serving(self) -> set[str]:
        """Model versions that the servers answer with, each asked by itself."""
        names = [pod["metadata"]["name"] for pod in self.ready_servers()]
        return {self.ask("/v1/forecasts/BTC-USD", name)["model_version"] for name in names}

    def degraded(self) -> str:
        """What the servers say is amiss, put together; that the data are a replay is not."""
        names = [pod["metadata"]["name"] for pod in self.ready_servers()]
        told = [self.ask("/v1/forecasts/BTC-USD", name)["degraded"] for name in names]
        return "; ".join(reason for reasons in told for reason in reasons if reason != REPLAYED)

    def data_age_hours(self) -> float:
        """Age of the newest candle, on the clock of the replay."""
        return float(self.ask("/v1/forecasts/BTC-USD")["data_age_seconds"]) / 3600

    def newest_candle(self) -> datetime:
        """When the newest candle in the store began."""
        candles = self.ask("/v1/candles/BTC-USD?limit=1")["candles"]
        return datetime.fromisoformat(candles[-1]["open_time"])

    def status(self) -> JsonObject:
        """What `tidecast status` tells of the market."""
        (market,) = json.loads(self.tidecast("status", "--json"))["markets"]
        found: JsonObject = market
        return found

    def take_away(self, workload: str) -> None:
        """Scale to none, and let no pod take its time to end."""
        self.namespace.kubectl("scale", workload, "--replicas=0")
        name = workload.partition("/")[2]
        pods = [pod for pod in self.pod_names() if pod.startswith(f"{name}-")]
        self.namespace.kubectl("delete", "pod", *pods, "--grace-period=1", "--ignore-not-found")

    def bring_back(self, workload: str) -> None:
        """Scale to one."""
        self.namespace.kubectl("scale", workload, "--replicas=1")

    def rolled_out(self, seconds: int = 300) -> None:
        """Wait for the end of a rolling update."""
        limit = f"--timeout={seconds}s"
        words = ("rollout", "status", f"deployment/{NAME}-server", limit)
        self.namespace.kubectl(*words, seconds=seconds + 30)

    def lease_holder(self) -> str:
        """Name of the pod whose monitor decides; empty when none does."""
        lease = self.namespace.get("lease", f"{NAME}-monitor")
        return str(lease["spec"].get("holderIdentity") or "")

    def pod_names(self) -> set[str]:
        """All pods, those on their way out too."""
        return {pod["metadata"]["name"] for pod in self.namespace.items("pods")}

    def retrainings(self) -> list[JsonObject]:
        """Jobs that the monitor made."""
        jobs = self.namespace.items("jobs")
        return [job for job in jobs if job["metadata"]["name"].startswith(f"{NAME}-retrain-")]

    def job_from(self, cronjob: str, name: str) -> JsonObject:
        """The Job that a CronJob would make, not made yet."""
        words = ("job", name, f"--from={cronjob}", "--dry-run=client", "-o", "json")
        job: JsonObject = json.loads(self.namespace.kubectl("create", *words))
        return job

    def running_jobs(self) -> list[str]:
        """Jobs made by hand that have no end yet; those of the CronJobs come and go."""
        return [job["metadata"]["name"] for job in self._by_hand() if not ended(job)]

    def failed_jobs(self) -> list[str]:
        """Jobs made by hand that failed."""
        return [job["metadata"]["name"] for job in self._by_hand() if ended(job) == "Failed"]

    def _by_hand(self) -> list[JsonObject]:
        annotation = "cronjob.kubernetes.io/instantiate"
        jobs = self.namespace.items("jobs")
        return [
            job
            for job in jobs
            if annotation in job["metadata"].get("annotations", {})
            and not job["metadata"]["name"].startswith(f"{NAME}-retrain-")
        ]

    def restarts(self) -> int:
        """Restarts of all containers of the release."""
        return sum(restarts(pod) for pod in self.namespace.items("pods"))


def is_ready(pod: JsonObject) -> bool:
    """Whether the readiness gates of a pod are open."""
    conditions = pod["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def ready_since(pod: JsonObject) -> datetime:
    """When a ready pod became so."""
    conditions = {one["type"]: one for one in pod["status"]["conditions"]}
    return datetime.fromisoformat(conditions["Ready"]["lastTransitionTime"])


def ended(job: JsonObject) -> str:
    """Complete or Failed; empty while it runs."""
    conditions = job["status"].get("conditions", [])
    kinds = [one["type"] for one in conditions if one["status"] == "True"]
    return next((kind for kind in kinds if kind in ("Complete", "Failed")), "")
