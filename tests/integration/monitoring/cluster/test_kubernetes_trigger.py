import threading
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from monitoring.cluster.api import connect_to_cluster
from monitoring.cluster.trigger import (
    FIRST_PAUSE_SECONDS,
    IDLE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LOOK_SECONDS,
    KubernetesTrigger,
)
from monitoring.trigger import StartPostponed
from tests.integration.monitoring.cluster.conftest import CRONJOB
from tests.integration.monitoring.cluster.fake_kubernetes import answer, reset
from tidecast.timeframes import Market

MARKET, OTHER = Market("BTC-USD", "1h"), Market("ETH-USD", "1h")
WINDOW = "20261121T000000"
NAME = "tidecast-retrain-btc-usd-1h-2026112100"
OOM = (
    "Container trainer for pod forecasts/x failed with exit code 137 matching FailJob rule at"
    " index 2"
)

Make = Callable[[], KubernetesTrigger]


@pytest.fixture
def make_trigger(kubeconfig: Any, seconds: Any) -> Make:
    """Each is the trigger of a monitor of its own."""

    def make() -> KubernetesTrigger:
        cluster = connect_to_cluster(None)
        return KubernetesTrigger(
            cluster, "tidecast-training", deadline_seconds=900, read_seconds=seconds
        )

    return make


@pytest.fixture
def trigger(make_trigger: Make) -> KubernetesTrigger:
    return make_trigger()


def test_start_makes_the_job_from_the_template(trigger: Any, kubernetes: Any) -> None:
    trigger.start(MARKET, WINDOW, "too bad", {"mase": 1.7})

    job = kubernetes.objects["jobs"][NAME]
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"][:4] == ["--model", "ewma", "--market", "BTC-USD:1h"]
    assert trigger.watches(MARKET, WINDOW)


def test_start_keeps_what_this_client_does_not_know(trigger: Any, kubernetes: Any) -> None:
    trigger.start(MARKET, WINDOW, "too bad")

    pod = kubernetes.objects["jobs"][NAME]["spec"]["template"]["spec"]
    assert pod["fieldOfATomorrow"] == "kept"


def test_three_monitors_that_decide_at_once_make_one_job(
    make_trigger: Make, kubernetes: Any
) -> None:
    triggers = [make_trigger() for _ in range(3)]
    together = threading.Barrier(3)

    def decide(one: KubernetesTrigger) -> None:
        together.wait()
        one.start(MARKET, WINDOW, "too bad")

    threads = [threading.Thread(target=decide, args=(one,)) for one in triggers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(kubernetes.answers("POST", "jobs")) == [201, 409, 409]
    assert list(kubernetes.objects["jobs"]) == [NAME]
    assert all(one.watches(MARKET, WINDOW) for one in triggers)


def test_start_whose_answer_was_lost_finds_its_job_the_next_time(
    trigger: Any, kubernetes: Any
) -> None:
    def create_and_reset(handler: Any) -> None:
        kubernetes.put("jobs", NAME, {"metadata": {"labels": {}}})
        reset(handler)

    kubernetes.faults["POST", "jobs"] = [create_and_reset]
    with pytest.raises(StartPostponed):
        trigger.start(MARKET, WINDOW, "too bad")

    trigger.start(MARKET, WINDOW, "too bad")

    assert kubernetes.answers("POST", "jobs") == [0, 409]


REFUSALS: dict[str, Callable[[Any], None]] = {
    "no permission to read": lambda fake: fake.allowed.discard(("GET", "cronjobs")),
    "no permission to create": lambda fake: fake.allowed.discard(("POST", "jobs")),
    "no CronJob": lambda fake: fake.objects["cronjobs"].clear(),
    "not valid": lambda fake: fake.faults["POST", "jobs"].append(answer(422)),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_start_that_is_refused_needs_a_person(case: str, trigger: Any, kubernetes: Any) -> None:
    REFUSALS[case](kubernetes)

    with pytest.raises(StartPostponed) as raised:
        trigger.start(MARKET, WINDOW, "too bad")

    assert raised.value.refused
    assert not trigger.watches(MARKET, WINDOW)


@pytest.mark.parametrize("fault", [answer(500), answer(429), reset])
def test_start_is_postponed_while_the_api_server_is_away(
    trigger: Any, kubernetes: Any, fault: Any
) -> None:
    kubernetes.faults["POST", "jobs"] = [fault]

    with pytest.raises(StartPostponed) as raised:
        trigger.start(MARKET, WINDOW, "too bad")

    assert not raised.value.refused


def test_pause_after_a_refusal_grows_up_to_its_limit(
    trigger: Any, kubernetes: Any, seconds: Any
) -> None:
    kubernetes.allowed.clear()
    pauses = []
    for _ in range(8):
        with pytest.raises(StartPostponed):
            trigger.start(MARKET, WINDOW, "too bad")
        began = seconds.now
        while not trigger.ready():
            seconds.pass_seconds(1)
        pauses.append(seconds.now - began)

    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_two_markets_may_train_at_once(trigger: Any, kubernetes: Any) -> None:
    trigger.start(MARKET, WINDOW, "too bad")

    assert trigger.ready()
    trigger.start(OTHER, WINDOW, "too bad")

    assert len(kubernetes.objects["jobs"]) == 2


ENDS = {
    "complete": (("Complete", "", ""), 0, ""),
    "out of memory": (("Failed", "PodFailurePolicy", OOM), 137, "out_of_memory"),
    "deadline": (("Failed", "DeadlineExceeded", "was active too long"), None, "too_slow"),
    "attempts": (("Failed", "BackoffLimitExceeded", "has reached the limit"), None, "gave_up"),
}


@pytest.mark.parametrize("case", ENDS)
def test_poll_tells_an_end_once_with_its_cause(
    case: str, trigger: Any, kubernetes: Any, seconds: Any
) -> None:
    condition, code, cause = ENDS[case]
    trigger.start(MARKET, WINDOW, "too bad")
    assert trigger.poll() == []
    kubernetes.end(NAME, *condition)
    seconds.pass_seconds(LOOK_SECONDS)

    (ended,) = trigger.poll()

    assert (ended.market, ended.window) == (MARKET, WINDOW)
    assert (ended.code, ended.cause, ended.watched) == (code, cause, True)
    seconds.pass_seconds(IDLE_SECONDS)
    assert trigger.poll() == []


def test_poll_tells_of_a_job_that_was_deleted(trigger: Any, kubernetes: Any, seconds: Any) -> None:
    trigger.start(MARKET, WINDOW, "too bad")
    trigger.poll()
    kubernetes.objects["jobs"].clear()
    seconds.pass_seconds(LOOK_SECONDS)

    (ended,) = trigger.poll()

    assert (ended.code, ended.cause) == (None, "vanished")
    assert not trigger.watches(MARKET, WINDOW)


def test_next_monitor_finds_the_job_that_runs(
    make_trigger: Make, kubernetes: Any, seconds: Any
) -> None:
    make_trigger().start(MARKET, WINDOW, "too bad")
    later = make_trigger()

    assert later.poll() == []
    assert later.watches(MARKET, WINDOW)
    kubernetes.end(NAME, "Complete")
    seconds.pass_seconds(LOOK_SECONDS)
    assert [(ended.code, ended.watched) for ended in later.poll()] == [(0, True)]


def test_next_monitor_says_that_it_did_not_see_an_old_job_run(
    make_trigger: Make, kubernetes: Any
) -> None:
    make_trigger().start(MARKET, WINDOW, "too bad")
    kubernetes.end(NAME, "Failed", "BackoffLimitExceeded")

    (ended,) = make_trigger().poll()

    assert not ended.watched


def test_jobs_of_others_are_left_alone(trigger: Any, kubernetes: Any) -> None:
    manual = deepcopy(CRONJOB["spec"]["jobTemplate"])
    kubernetes.put("jobs", "tidecast-training-manual-1", manual)
    kubernetes.end("tidecast-training-manual-1", "Failed", "BackoffLimitExceeded")

    assert trigger.poll() == []


def test_poll_asks_seldom_while_nothing_runs(trigger: Any, kubernetes: Any, seconds: Any) -> None:
    for _ in range(int(2 * IDLE_SECONDS)):
        trigger.poll()
        seconds.pass_seconds(1)

    assert len(kubernetes.answers("GET", "jobs")) == 2


def test_poll_survives_an_api_server_that_is_away(
    trigger: Any, kubernetes: Any, seconds: Any
) -> None:
    trigger.start(MARKET, WINDOW, "too bad")
    kubernetes.end(NAME, "Complete")
    kubernetes.faults["GET", "jobs"] = [answer(500), answer(403), reset]

    found = []
    for _ in range(4):
        seconds.pass_seconds(LOOK_SECONDS)
        found.append(len(trigger.poll()))

    assert found == [0, 0, 0, 1]


def test_closing_leaves_the_jobs_running(trigger: Any, kubernetes: Any) -> None:
    trigger.start(MARKET, WINDOW, "too bad")

    assert trigger.close() == []
    assert list(kubernetes.objects["jobs"]) == [NAME]
    assert not trigger.watches(MARKET, WINDOW)
