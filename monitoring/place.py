"""Where the monitor runs: alone on one machine, or as one of several in a cluster."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from monitoring.trigger import LocalTrigger, Trigger
from tidecast.settings import Settings


@dataclass(frozen=True)
class Place:
    """What starts trainings, and whether this monitor is the one that works."""

    trigger: Trigger
    leads: Callable[[], bool]


@contextmanager
def placed(settings: Settings) -> Iterator[Place]:
    """The place that the settings describe; a Lease is given up at the end.

    Raises:
        ConfigurationError: a cluster is meant and cannot be signed in to.
    """
    own = settings.monitoring.kubernetes
    if own.training_cronjob is None and own.lease is None:
        yield Place(_local(settings), lambda: True)
        return
    # Imported here: one machine has no Kubernetes client.
    from monitoring.cluster.api import connect_to_cluster
    from monitoring.cluster.lease import LeaseElection
    from monitoring.cluster.trigger import KubernetesTrigger

    cluster = connect_to_cluster(own.namespace)
    trigger: Trigger = _local(settings)
    if own.training_cronjob is not None:
        trigger = KubernetesTrigger(
            cluster,
            own.training_cronjob,
            deadline_seconds=settings.training.timeout_seconds,
        )
    if own.lease is None:
        yield Place(trigger, lambda: True)
        return
    identity = own.identity or socket.gethostname()
    election = LeaseElection(cluster, own.lease, identity, own.lease_seconds)
    with election.running():
        yield Place(trigger, election.leads)


def _local(settings: Settings) -> LocalTrigger:
    training = settings.training
    return LocalTrigger(
        settings.home_dir.absolute() / "logs",
        nice=training.nice,
        timeout_seconds=training.timeout_seconds,
    )
