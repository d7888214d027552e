"""Retrainings as Kubernetes Jobs, which outlive the monitor that made them.

The Job of a market and window has one name, so of several monitors that decide at once one
creates it and the others find it there. Any monitor finds the running ones by their labels.
"""

import time
from collections.abc import Callable, Mapping

from monitoring.cluster.api import Cluster, ClusterConflict, ClusterRefused, ClusterUnavailable
from monitoring.cluster.job import Object, build_job, end_of, market_and_window, selector
from monitoring.trigger import NO_FIGURES, Ended, StartPostponed
from tidecast.telemetry import get_logger
from tidecast.timeframes import Market

LOOK_SECONDS = 5.0
"""Pause between two looks at the Jobs while one of them runs."""
IDLE_SECONDS = 60.0
"""Pause while none runs: another monitor may have made one just before it lost the Lease."""
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0
"""After a Job that could not be made; doubled each time."""

_log = get_logger(__name__)


class KubernetesTrigger:
    """Makes retraining Jobs from a suspended CronJob; those of several markets may run at once.

    Args:
        cluster: where the CronJob is.
        cronjob: its name.
        deadline_seconds: real time after which a training is ended.
        read_seconds: steady clock.
    """

    def __init__(
        self,
        cluster: Cluster,
        cronjob: str,
        *,
        deadline_seconds: float,
        read_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._cronjob = cronjob
        self._deadline_seconds = deadline_seconds
        self._read_seconds = read_seconds
        self._running: dict[str, tuple[Market, str]] = {}
        self._told: set[str] = set()
        self._looked_at: float | None = None
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._again_at: float | None = None
        self._complaint = ""

    def ready(self) -> bool:
        """Always, but for a pause after a Job that could not be made."""
        return self._again_at is None or self._read_seconds() >= self._again_at

    def start(
        self,
        market: Market,
        window: str,
        reason: str,
        figures: Mapping[str, object] = NO_FIGURES,
    ) -> None:
        """Create the Job; one that is there already is watched.

        Raises:
            StartPostponed: the API server is away, or refuses it.
        """
        try:
            template = self._cluster.cronjob(self._cronjob)
            deadline = self._deadline_seconds
            job = build_job(template, market, window, reason, figures, deadline)
            self._create(job)
        except (ClusterUnavailable, ClusterRefused) as e:
            self._postpone()
            raise StartPostponed(str(e), refused=isinstance(e, ClusterRefused)) from e
        self._again_at, self._pause_seconds = None, FIRST_PAUSE_SECONDS
        name = job["metadata"]["name"]
        self._told.discard(name)
        self._running[name] = market, window

    def watches(self, market: Market, window: str) -> bool:
        """Whether its Job ran when last looked at."""
        return (market, window) in self._running.values()

    def poll(self) -> list[Ended]:
        """Jobs that ended or are gone; also, once, those that ended before this monitor began."""
        now = self._read_seconds()
        pause = LOOK_SECONDS if self._running else IDLE_SECONDS
        if self._looked_at is not None and now - self._looked_at < pause:
            return []
        self._looked_at = now
        try:
            jobs = self._cluster.jobs(selector(self._cronjob))
        except (ClusterUnavailable, ClusterRefused) as e:
            self._complain(str(e))
            return []
        self._complain("")
        named = {job["metadata"]["name"]: job for job in jobs}
        self._told &= named.keys()
        return [*self._vanished(named), *self._ended(named)]

    def close(self) -> list[Ended]:
        """Forget the Jobs; they go on, and the next monitor finds them."""
        self._running.clear()
        self._told.clear()
        self._looked_at = None
        return []

    def _create(self, job: Object) -> None:
        try:
            self._cluster.create_job(job)
        except ClusterConflict:
            _log.info("retraining_job_is_there", job=job["metadata"]["name"])
        else:
            _log.info("retraining_job_created", job=job["metadata"]["name"])

    def _postpone(self) -> None:
        self._again_at = self._read_seconds() + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)

    def _vanished(self, jobs: Mapping[str, Object]) -> list[Ended]:
        gone = self._running.keys() - jobs.keys()
        return [
            Ended(*self._running.pop(name), None, f"the Job {name} was deleted", "vanished")
            for name in sorted(gone)
        ]

    def _ended(self, jobs: Mapping[str, Object]) -> list[Ended]:
        ended = []
        for name, job in jobs.items():
            what, end = market_and_window(job), end_of(job)
            if what is None or name in self._told:
                continue
            if end is None:
                self._running[name] = what
                continue
            watched = self._running.pop(name, None) is not None
            detail = f"Job {name}: {end.detail}"
            ended.append(Ended(*what, end.code, detail, end.cause, watched))
            self._told.add(name)
        return ended

    def _complain(self, complaint: str) -> None:
        """Say once what is wrong, and once that it is over."""
        if complaint == self._complaint:
            return
        self._complaint = complaint
        if complaint:
            _log.warning("retraining_jobs_unreadable", error=complaint)
        else:
            _log.info("retraining_jobs_readable")
