"""Which of several monitors decides: the one that holds a Lease.

As client-go does it: a Lease is free when its holder gave it up, or when it has not changed for
the time it names, measured by our own steady clock from when we saw it change. No two clocks are
ever compared. The holder stops deciding well before anybody else may begin.

The election of the Kubernetes client is not used: it reads the wall clock, ends at the first
connection error, and cannot give a Lease up.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from monitoring.cluster.api import Cluster, ClusterConflict, ClusterRefused, ClusterUnavailable
from tidecast.telemetry import LOOP_FAILURES, get_logger

RENEW_SHARE = 2 / 3
"""Share of the Lease after which a holder that could not renew it stops deciding."""
LOOKS_PER_LEASE = 6
GIVE_UP_SECONDS = 5.0
"""How long the end of the process waits for the Lease to be given up; it runs out by itself."""

Object = dict[str, Any]

_log = get_logger(__name__)


class LeaseElection:
    """One candidate. ``leads`` may be asked by any thread.

    Args:
        cluster: where the Lease is.
        name: of the Lease, which must exist.
        identity: name of this candidate, its own among all.
        lease_seconds: how long a holder that went silent keeps others out.
        read_seconds: steady clock.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        identity: str,
        lease_seconds: float,
        read_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._identity = identity
        self._lease_seconds = lease_seconds
        self._read_seconds = read_seconds
        self._seen: Object | None = None
        self._seen_at = 0.0
        self._renewed_at: float | None = None
        self._said: tuple[str, str] = ("", "")

    def leads(self) -> bool:
        """Whether this candidate holds the Lease, and will for the next moments."""
        renewed_at = self._renewed_at
        if renewed_at is None:
            return False
        return self._read_seconds() - renewed_at < self._lease_seconds * RENEW_SHARE

    def look(self) -> None:
        """Renew the Lease, take it when it is free, or see who has it.

        Raises:
            ClusterConflict, ClusterUnavailable, ClusterRefused: it could not be done.
        """
        lease = self._cluster.lease(self._name)
        spec = lease.get("spec") or {}
        self._observe(spec)
        if not self._may_take(spec):
            self._renewed_at = None
            return
        began = self._read_seconds()
        self._cluster.replace_lease(self._name, {**lease, "spec": self._taken(spec)})
        self._renewed_at = began

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be a candidate in a thread of its own, and give the Lease up at the end."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(GIVE_UP_SECONDS)

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._try(self.look)
            stop.wait(self._lease_seconds / LOOKS_PER_LEASE)
        self._try(self._give_up)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except ClusterConflict as e:
            # Somebody else wrote it since it was read: it is theirs until seen otherwise.
            self._renewed_at = None
            self._say("lease_contended", str(e))
        except (ClusterUnavailable, ClusterRefused) as e:
            self._say("lease_unusable", str(e))
        except Exception:
            LOOP_FAILURES.labels("monitoring").inc()
            _log.exception("lease_failed", lease=self._name)
        else:
            self._say("leading" if self.leads() else "standing_by", "")

    def _observe(self, spec: Object) -> None:
        if spec != self._seen:
            self._seen, self._seen_at = spec, self._read_seconds()

    def _may_take(self, spec: Object) -> bool:
        holder = spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        patience = spec.get("leaseDurationSeconds") or self._lease_seconds
        silent_seconds = self._read_seconds() - self._seen_at
        return bool(silent_seconds > patience)

    def _taken(self, spec: Object) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        taken = {
            **spec,
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._lease_seconds),
            "renewTime": now,
        }
        if spec.get("holderIdentity") != self._identity:
            taken["acquireTime"] = now
            taken["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1
        return taken

    def _give_up(self) -> None:
        self._renewed_at = None
        lease = self._cluster.lease(self._name)
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") == self._identity:
            self._cluster.replace_lease(self._name, {**lease, "spec": {**spec, **_FREE}})

    def _say(self, event: str, error: str) -> None:
        if (event, error) != self._said:
            self._said = event, error
            log = _log.warning if error else _log.info
            log(event, lease=self._name, identity=self._identity, error=error or None)


_FREE = {"holderIdentity": "", "leaseDurationSeconds": 1}
