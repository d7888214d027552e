"""Trainings that cannot end well; each is one event, and the champion goes on serving."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from cluster import JsonObject, until
from figures import Figures
from release import MARKET, NAME, SECONDS_AN_HOUR, Release
from steady_client import SteadyClient, failures

COOLDOWN_CANDLES = 5
COOLDOWN_SECONDS = COOLDOWN_CANDLES * SECONDS_AN_HOUR
NOTICED_SECONDS = 400
CRONJOB = f"cronjob/{NAME}-training"
REFUSED_REQUESTS = r'^tidecast_kubernetes_requests_total{.*result="refused"} [1-9]'
CLOCK_STEP_SECONDS = 1
"""Kubernetes tells times in whole seconds."""


def _too_little_memory(job: JsonObject) -> None:
    memory = {"memory": "128Mi"}
    resources = _trainer(job)["resources"]
    _trainer(job)["resources"] = {
        "requests": {**resources["requests"], **memory},
        "limits": {**resources["limits"], **memory},
    }


def _wrong_setting(job: JsonObject) -> None:
    _trainer(job)["env"].append({"name": "TIDECAST_HORIZON", "value": "-1"})


def _short_deadline(job: JsonObject) -> None:
    job["spec"]["activeDeadlineSeconds"] = 4


def _trainer(job: JsonObject) -> JsonObject:
    container: JsonObject = job["spec"]["template"]["spec"]["containers"][0]
    return container


SPOILT: dict[str, tuple[Callable[[JsonObject], None], str, str]] = {
    "killed for its memory": (_too_little_memory, "out_of_memory", "PodFailurePolicy"),
    "wrong setting": (_wrong_setting, "configuration", "PodFailurePolicy"),
    "over its deadline": (_short_deadline, "too_slow", "DeadlineExceeded"),
}
"""How the template is spoilt, the cause that the event names, the reason that the Job names."""


@pytest.fixture(scope="module")
def template(release: Release) -> Iterator[JsonObject]:
    """The template as it was; meanwhile a champion serves that asks to be replaced all the time."""
    release.upgrade("--set", f"config.monitoring.cooldown_candles={COOLDOWN_CANDLES}")
    good = release.namespace.get(CRONJOB)["spec"]["jobTemplate"]
    # Spoilt before anything can be trained: a good challenger would end the chapter.
    _use(release, _spoilt(good, _too_little_memory))
    release.tidecast("promote", MARKET, "--force", "--broken", seconds=180)
    yield good
    _use(release, good)


@pytest.mark.parametrize("failure", SPOILT)
def test_training_that_fails_is_one_event_and_serving_goes_on(
    release: Release,
    template: JsonObject,
    client: SteadyClient,
    figures: Figures,
    failure: str,
) -> None:
    spoil, cause, reason = SPOILT[failure]
    known, served = set(_retrainings(release)), release.serving()
    _use(release, _spoilt(template, spoil))
    name = until("a failed Job", lambda: _failed(release) - known, NOTICED_SECONDS).pop()
    job = _retrainings(release)[name]
    event = until("its event", lambda: _events(release, job, "RetrainingFailed"), 60)
    pods = release.namespace.items("pods", "-l", f"job-name={name}")
    ended = _condition(job, "Failed")
    figures.note(
        f"7 training {failure}",
        reason=ended["reason"],
        pods=len(pods),
        events=len(event),
        cause=event[0]["detail"]["cause"],
    )
    assert ended["reason"] == reason
    assert [one["detail"]["cause"] for one in event] == [cause]
    assert len(pods) <= 1
    assert release.serving() == served
    assert failures(client.stop()) == {}


def test_cool_down_was_kept_between_them(release: Release, figures: Figures) -> None:
    made = sorted(
        datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        for job in _retrainings(release).values()
    )[-len(SPOILT) :]
    pauses = [(later - one).total_seconds() for one, later in pairwise(made)]
    figures.note("7 cool-down", asked_seconds=COOLDOWN_SECONDS, shortest_seconds=min(pauses))
    assert min(pauses) >= COOLDOWN_SECONDS - CLOCK_STEP_SECONDS


def test_refused_job_is_one_event_and_is_tried_again(
    release: Release, template: JsonObject, figures: Figures
) -> None:
    role = f"role/{NAME}-monitor"
    rules = release.namespace.get(role)["rules"]
    without = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb != "create"]} for rule in rules
    ]
    known = set(_retrainings(release))
    _set_rules(release, role, without)
    try:
        event = until("an event", lambda: _newest_events(release, "RetrainingRefused"), 300)
        assert set(_retrainings(release)) == known
        metrics = release.monitor_metrics(release.lease_holder())
        _use(release, template)
    finally:
        _set_rules(release, role, rules)
    until("the Job after all", lambda: set(_retrainings(release)) - known, 300)
    figures.note("7 Job refused by RBAC", events=len(event), tried_again="yes")
    assert "forbidden" in event[0]["detail"]["refusal"]
    assert re.search(REFUSED_REQUESTS, metrics, re.M)


def test_monitor_may_make_no_job_but_the_template(release: Release) -> None:
    account = release.servers()[0]["spec"]["serviceAccountName"]
    whose = f"--as=system:serviceaccount:{release.namespace.name}:{account}"
    job = release.job_from(CRONJOB, "made-by-hand")
    create = ("create", whose, "--dry-run=server", "-f", "-")
    assert "made-by-hand" in release.namespace.kubectl(*create, text=json.dumps(job))
    _trainer(job)["image"] = "docker.io/library/something-else:1"
    with pytest.raises(AssertionError, match="Jobs of Tidecast's image only"):
        release.namespace.kubectl(*create, text=json.dumps(job))


def _use(release: Release, template: JsonObject) -> None:
    change = json.dumps({"spec": {"jobTemplate": template}})
    release.namespace.kubectl("patch", CRONJOB, "--type=merge", "-p", change)


def _spoilt(template: JsonObject, spoil: Callable[[JsonObject], None]) -> JsonObject:
    changed = deepcopy(template)
    spoil(changed)
    return changed


def _failed(release: Release) -> set[str]:
    jobs = _retrainings(release).items()
    return {name for name, job in jobs if _condition(job, "Failed")}


def _set_rules(release: Release, role: str, rules: list[JsonObject]) -> None:
    change = json.dumps({"rules": rules})
    release.namespace.kubectl("patch", role, "--type=merge", "-p", change)


def _retrainings(release: Release) -> dict[str, JsonObject]:
    return {job["metadata"]["name"]: job for job in release.retrainings()}


def _condition(job: JsonObject, kind: str) -> JsonObject:
    """A condition of a Job; empty when it has none of that kind."""
    conditions = job["status"].get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


def _events(release: Release, job: JsonObject, kind: str) -> list[dict[str, Any]]:
    window = job["metadata"]["labels"]["tidecast/window"]
    return [e for e in _newest_events(release, kind) if e["detail"]["window"] == window]


def _newest_events(release: Release, kind: str) -> list[dict[str, Any]]:
    return [event for event in release.status()["events"] if event["kind"] == kind]
