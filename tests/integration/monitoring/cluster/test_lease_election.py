import threading
import time
from typing import Any

import pytest

from monitoring.cluster.api import (
    Cluster,
    ClusterConflict,
    ClusterRefused,
    ClusterUnavailable,
    connect_to_cluster,
)
from monitoring.cluster.lease import RENEW_SHARE, LeaseElection
from tests.integration.monitoring.cluster.fake_kubernetes import answer
from tests.integration.waiting import wait_for

NAME = "tidecast-monitor"
LEASE_SECONDS = 30.0


@pytest.fixture
def make_candidate(cluster: Cluster, seconds: Any) -> Any:
    def make(identity: str, read_seconds: Any = seconds) -> LeaseElection:
        return LeaseElection(cluster, NAME, identity, LEASE_SECONDS, read_seconds)

    return make


def spec_of(kubernetes: Any) -> dict[str, Any]:
    found: dict[str, Any] = kubernetes.objects["leases"][NAME]["spec"]
    return found


def test_candidate_takes_a_lease_that_nobody_has(make_candidate: Any, kubernetes: Any) -> None:
    one = make_candidate("one")
    before = one.leads()

    one.look()

    assert (before, one.leads()) == (False, True)
    assert spec_of(kubernetes)["holderIdentity"] == "one"
    assert spec_of(kubernetes)["leaseTransitions"] == 1


def test_candidate_leaves_a_lease_to_its_holder_while_that_renews(
    make_candidate: Any, seconds: Any
) -> None:
    one, two = make_candidate("one"), make_candidate("two")
    for _ in range(20):
        one.look()
        two.look()
        seconds.pass_seconds(LEASE_SECONDS / 6)

    assert (one.leads(), two.leads()) == (True, False)


def test_candidate_takes_a_lease_whose_holder_went_silent(
    make_candidate: Any, seconds: Any, kubernetes: Any
) -> None:
    make_candidate("one").look()
    two = make_candidate("two")
    led = []
    for _ in range(8):
        two.look()
        led.append(two.leads())
        seconds.pass_seconds(LEASE_SECONDS / 6)

    assert led == [False] * 7 + [True]
    assert spec_of(kubernetes)["leaseTransitions"] == 2


def test_holder_stops_before_anybody_else_may_begin(make_candidate: Any, seconds: Any) -> None:
    one, two = make_candidate("one"), make_candidate("two")
    one.look()
    two.look()
    led = []
    while not two.leads():
        seconds.pass_seconds(1)
        two.look()
        led.append((one.leads(), two.leads()))

    assert (True, True) not in led
    assert [one for one, _ in led].count(True) == LEASE_SECONDS * RENEW_SHARE - 1


@pytest.mark.parametrize("written", ["1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"])
def test_clock_of_the_holder_does_not_matter(
    make_candidate: Any, kubernetes: Any, seconds: Any, written: str
) -> None:
    kubernetes.put(
        "leases",
        NAME,
        {"spec": {"holderIdentity": "far", "leaseDurationSeconds": 30, "renewTime": written}},
    )
    one = make_candidate("one")

    led = []
    for _ in range(2):
        one.look()
        led.append(one.leads())
        seconds.pass_seconds(LEASE_SECONDS + 1)
    one.look()

    assert (led[0], one.leads()) == (False, True)


def test_holder_that_lost_a_conflict_does_not_lead(make_candidate: Any, kubernetes: Any) -> None:
    one = make_candidate("one")
    one.look()
    kubernetes.faults["PUT", "leases"] = [answer(409, "the object has been modified")]

    one._try(one.look)

    assert not one.leads()


def test_two_that_read_the_same_lease_cannot_both_take_it(
    make_candidate: Any, cluster: Cluster
) -> None:
    read = cluster.lease(NAME)
    make_candidate("one").look()

    with pytest.raises(ClusterConflict):
        cluster.replace_lease(NAME, read)


def test_holder_leads_on_for_a_while_when_the_api_server_is_away(
    make_candidate: Any, kubernetes: Any, seconds: Any
) -> None:
    one = make_candidate("one")
    one.look()
    kubernetes.faults["GET", "leases"] = [answer(503)] * 9
    led = []
    for _ in range(3):
        seconds.pass_seconds(LEASE_SECONDS / 3)
        with pytest.raises(ClusterUnavailable):
            one.look()
        led.append(one.leads())

    assert led == [True, False, False]


def test_candidate_does_not_lead_without_a_lease(make_candidate: Any, kubernetes: Any) -> None:
    kubernetes.objects["leases"].clear()
    one = make_candidate("one")

    with pytest.raises(ClusterRefused, match="not found"):
        one.look()

    assert not one.leads()


def test_running_candidate_gives_the_lease_up_at_its_end(
    make_candidate: Any, kubernetes: Any
) -> None:
    one = make_candidate("one")
    with one.running():
        wait_for(one.leads, 20)

    assert not one.leads()
    assert spec_of(kubernetes)["holderIdentity"] == ""
    two = make_candidate("two")
    two.look()
    assert two.leads()


def test_candidate_that_does_not_hold_it_gives_up_nothing(
    make_candidate: Any, kubernetes: Any
) -> None:
    make_candidate("one").look()
    with make_candidate("two").running():
        wait_for(lambda: len(kubernetes.answers("GET", "leases")) >= 2, 20)

    assert spec_of(kubernetes)["holderIdentity"] == "one"


def test_of_many_candidates_at_most_one_leads_at_any_time(kubeconfig: Any) -> None:
    candidates = [
        LeaseElection(connect_to_cluster(None), NAME, f"monitor-{n}", 1.2) for n in range(4)
    ]
    stop = threading.Event()
    crowds: list[int] = []

    def campaign(one: LeaseElection, silent_after: float) -> None:
        until = time.monotonic() + silent_after
        while not stop.is_set() and time.monotonic() < until:
            one._try(one.look)
            stop.wait(0.1)

    threads = [
        threading.Thread(target=campaign, args=(one, 0.8 if n == 0 else 60.0))
        for n, one in enumerate(candidates)
    ]
    threads[0].start()
    wait_for(candidates[0].leads, 20)
    for thread in threads[1:]:
        thread.start()
    leaders: set[int] = set()
    until = time.monotonic() + 30
    while time.monotonic() < until and len(leaders) < 2:
        leading = [n for n, one in enumerate(candidates) if one.leads()]
        # Asked once more: on a busy machine much time may pass between two of the answers.
        crowds.append(sum(candidates[n].leads() for n in leading))
        leaders.update(leading)
        time.sleep(0.005)
    stop.set()
    for thread in threads:
        thread.join()

    assert len(leaders) == 2
    assert max(crowds) == 1
