"""The monitor with Jobs and a Lease: what it claims, announces and leaves alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from monitoring.cluster.api import connect_to_cluster
from monitoring.cluster.lease import LeaseElection
from monitoring.cluster.trigger import LONGEST_PAUSE_SECONDS, LOOK_SECONDS, KubernetesTrigger
from monitoring.loop import Monitor
from tests.integration.monitoring.cluster.fake_kubernetes import answer
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
EXIT_CODE = "Container trainer for pod forecasts/x failed with exit code {} matching FailJob rule"


@dataclass
class HandClock:
    world: Any
    simulated = True

    def now(self) -> datetime:
        moment: datetime = self.world.now
        return moment

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.fixture
def make_monitor(world: Any, kubeconfig: Any, seconds: Any) -> Callable[..., Monitor]:
    """Each monitor has its own trigger, as in a pod of its own."""

    def make(leads: Callable[[], bool] = lambda: True) -> Monitor:
        trigger = KubernetesTrigger(
            connect_to_cluster(None),
            "tidecast-training",
            deadline_seconds=900,
            read_seconds=seconds,
        )
        plans = {MARKET: world.plan}
        return Monitor(world.store, plans, HandClock(world), world.read_champion, trigger, leads)

    return make


@pytest.fixture
def bad_world(world: Any, broken: Any) -> Any:
    """Hours have passed with forecasts far too high: a retraining is wanted at the next look."""
    world.distort = broken["shifted"]
    world.pass_hours(16, monitoring=False)
    return world


def watch(monitor: Monitor, world: Any, seconds: Any, hours: int) -> None:
    """Let hours pass with a look in each, as far apart as the monitor needs them."""
    for _ in range(hours):
        world.pass_hours(1, monitoring=False)
        seconds.pass_seconds(LONGEST_PAUSE_SECONDS)
        monitor.poll()


def counted(status: str) -> float:
    labels = {"symbol": "BTC-USD", "interval": "1h", "status": status}
    return REGISTRY.get_sample_value("tidecast_retrainings_total", labels) or 0.0


def test_three_monitors_without_a_lease_make_one_job_and_one_alert(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    monitors = [make_monitor() for _ in range(3)]
    for _ in range(3):
        for monitor in monitors:
            monitor.poll()
        bad_world.pass_hours(1, monitoring=False)

    assert len(kubernetes.objects["jobs"]) == 1
    assert bad_world.kinds().count("RetrainingStarted") == 1


def test_job_carries_the_figures_of_the_decision(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    watch(make_monitor(), bad_world, seconds, 3)

    (job,) = kubernetes.objects["jobs"].values()
    annotations = job["metadata"]["annotations"]
    figures = dict(one.split("=") for one in annotations["tidecast/figures"].split(", "))
    assert float(figures["mase"]) > 1.5
    assert annotations["tidecast/reason"].startswith("MASE")


def test_forbidden_job_is_announced_once_and_made_when_it_is_allowed_again(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    kubernetes.allowed.discard(("POST", "jobs"))
    monitor = make_monitor()
    postponed = counted("postponed")
    watch(monitor, bad_world, seconds, 5)

    asked = len(kubernetes.answers("POST", "jobs"))
    assert 2 <= asked <= 5
    assert counted("postponed") - postponed == asked
    assert bad_world.kinds().count("RetrainingRefused") == 1
    assert "RetrainingStarted" not in bad_world.kinds()
    assert bad_world.windows() == []

    kubernetes.allowed.add(("POST", "jobs"))
    watch(monitor, bad_world, seconds, 1)

    assert len(kubernetes.objects["jobs"]) == 1
    assert len(bad_world.windows()) == 1


def test_monitor_does_not_ask_in_a_loop_while_it_is_refused(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    kubernetes.allowed.discard(("POST", "jobs"))
    monitor = make_monitor()
    watch(monitor, bad_world, seconds, 2)
    before = len(kubernetes.asked)

    for _ in range(10):
        monitor.poll()

    assert len(kubernetes.asked) == before


def test_monitor_makes_the_job_without_a_new_candle_when_the_api_server_is_back(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    kubernetes.faults["POST", "jobs"] = [answer(503)]
    monitor = make_monitor()
    while not kubernetes.answers("POST", "jobs"):
        bad_world.pass_hours(1, monitoring=False)
        monitor.poll()

    seconds.pass_seconds(LONGEST_PAUSE_SECONDS)
    monitor.poll()

    assert len(kubernetes.objects["jobs"]) == 1
    assert "RetrainingRefused" not in bad_world.kinds()


ENDS = {
    "out of memory": ("PodFailurePolicy", EXIT_CODE.format(137), "out_of_memory"),
    "configuration": ("PodFailurePolicy", EXIT_CODE.format(64), "configuration"),
    "deadline": ("DeadlineExceeded", "Job was active longer than specified deadline", "too_slow"),
}


@pytest.mark.parametrize("case", ENDS)
def test_failed_job_makes_one_alert_of_its_cause_and_keeps_the_cooldown(
    case: str, bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    reason, message, cause = ENDS[case]
    monitor = make_monitor()
    while not kubernetes.objects["jobs"]:
        watch(monitor, bad_world, seconds, 1)
    started = bad_world.store.retrainings.newest(MARKET).requested_at
    kubernetes.end(*kubernetes.objects["jobs"], "Failed", reason, message)
    failed = counted("failed")

    watch(monitor, bad_world, seconds, 12)

    events = [one for one in bad_world.store.events.read() if one.kind == "RetrainingFailed"]
    assert [event.detail["cause"] for event in events] == [cause]
    assert message in events[0].detail["detail"]
    assert counted("failed") - failed == 1
    requested = [row.requested_at for row in bad_world.store.retrainings.history(MARKET)]
    assert requested == [started + bad_world.plan.policy.cooldown, started]
    assert bad_world.store.promotions.newest(MARKET).version == "1"


def test_failed_attempt_of_a_job_that_goes_on_is_no_alert(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    monitor = make_monitor()
    while not kubernetes.objects["jobs"]:
        watch(monitor, bad_world, seconds, 1)
    (window,) = bad_world.windows()
    finish = bad_world.store.retrainings.finish
    finish(MARKET, window, "failed", "MLflow is away", bad_world.now)
    watch(monitor, bad_world, seconds, 2)
    assert "RetrainingFailed" not in bad_world.kinds()

    finish(MARKET, window, "kept", "no better", bad_world.now)
    kubernetes.end(*kubernetes.objects["jobs"], "Complete")
    watch(monitor, bad_world, seconds, 2)

    assert "RetrainingFailed" not in bad_world.kinds()
    assert bad_world.store.retrainings.newest(MARKET).status == "kept"


def test_job_that_was_deleted_counts_as_failed(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    monitor = make_monitor()
    while not kubernetes.objects["jobs"]:
        watch(monitor, bad_world, seconds, 1)
    seconds.pass_seconds(LOOK_SECONDS)
    kubernetes.objects["jobs"].clear()
    monitor.poll()

    newest = bad_world.store.retrainings.newest(MARKET)
    assert newest.status == "failed"
    assert newest.detail.endswith("was deleted")


def test_next_monitor_writes_down_an_end_that_nobody_saw(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    first = make_monitor()
    while not kubernetes.objects["jobs"]:
        watch(first, bad_world, seconds, 1)
    kubernetes.end(*kubernetes.objects["jobs"], "Failed", "BackoffLimitExceeded", "the limit")
    failed = counted("failed")

    for _ in range(2):
        make_monitor().poll()

    assert bad_world.store.retrainings.newest(MARKET).status == "failed"
    assert bad_world.kinds().count("RetrainingFailed") == 1
    assert counted("failed") - failed == 1


def test_monitor_that_does_not_lead_does_nothing(
    bad_world: Any, make_monitor: Any, kubernetes: Any
) -> None:
    standing_by = make_monitor(leads=lambda: False)

    assert standing_by.poll() == []
    assert bad_world.store.notes.get(f"monitor:{MARKET}") is None
    assert kubernetes.asked == []


def test_monitor_that_lost_the_lease_shows_no_figures(
    bad_world: Any, make_monitor: Any, kubernetes: Any
) -> None:
    leads = [True]
    monitor = make_monitor(leads=lambda: leads[0])
    monitor.poll()
    labels = {"symbol": "BTC-USD", "interval": "1h"}
    shown = REGISTRY.get_sample_value("tidecast_data_healthy", labels)

    leads[0] = False
    monitor.poll()

    assert shown is not None
    assert REGISTRY.get_sample_value("tidecast_data_healthy", labels) is None


def test_monitor_looks_at_once_when_it_leads_again(
    bad_world: Any, make_monitor: Any, kubernetes: Any
) -> None:
    leads = [True]
    monitor = make_monitor(leads=lambda: leads[0])
    rounds = []
    for now in (True, True, False, True):
        leads[0] = now
        rounds.append(len(monitor.poll()))

    assert rounds == [1, 0, 0, 1]


def test_of_two_elected_monitors_the_holder_of_the_lease_works(
    bad_world: Any, make_monitor: Any, kubernetes: Any, seconds: Any
) -> None:
    cluster = connect_to_cluster(None)
    elections = [
        LeaseElection(cluster, "tidecast-monitor", name, 30.0, seconds) for name in ("a", "b")
    ]
    monitors = [make_monitor(leads=election.leads) for election in elections]
    for election in elections:
        election.look()

    assert [len(monitor.poll()) for monitor in monitors] == [1, 0]

    for _ in range(2):
        seconds.pass_seconds(31)
        elections[1]._try(elections[1].look)
    assert [len(monitor.poll()) for monitor in monitors] == [0, 1]
