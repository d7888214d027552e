"""A retraining as a Kubernetes Job: made from the suspended CronJob, and read when it has ended.

Pure: objects are plain JSON, as the API has them.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from monitoring.trigger import Cause, cause_of, meaning_of
from tidecast.exit_codes import ExitCode
from tidecast.timeframes import Market

Object = dict[str, Any]

PREFIX = "tidecast/"
MADE_FROM, WINDOW = f"{PREFIX}retraining-of", f"{PREFIX}window"
SYMBOL, INTERVAL = f"{PREFIX}symbol", f"{PREFIX}interval"
REASON, FIGURES = f"{PREFIX}reason", f"{PREFIX}figures"
TRAINER = "trainer"
"""Container that trains; the only one when none is called so."""
LONGEST_NAME = 63
KEPT_SECONDS = 7 * 24 * 3600
"""How long an ended Job is kept when the template does not say."""
KILLED = 137
"""Exit code of a container that was killed, which without a node's trouble is for its memory."""
INDEXED_ONLY = ("completions", "parallelism", "completionMode", "successPolicy", "maxFailedIndexes")


@dataclass(frozen=True)
class JobEnd:
    """How a Job ended; ``code`` is None when no exit code is known."""

    code: int | None
    cause: Cause
    detail: str


def job_name(cronjob: str, market: Market, window: str) -> str:
    """Name of the one Job of a market and window, whoever makes it.

    Args:
        cronjob: name of the CronJob it is made from.
        market: which market.
        window: name of the decision window, ``20261121T000000``.
    """
    digits = "".join(filter(str.isdigit, window))
    stamp = digits[:-4] if digits.endswith("0000") else digits
    prefix = f"{cronjob.removesuffix('-training')}-retrain"
    name = f"{prefix}-{market.symbol.lower()}-{market.interval}-{stamp}"
    if len(name) <= LONGEST_NAME:
        return name
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{digest}"


def selector(cronjob: str) -> str:
    """Labels of all Jobs that were made from a CronJob by a monitor."""
    return f"{MADE_FROM}={cronjob}"


def build_job(
    cronjob: Object,
    market: Market,
    window: str,
    reason: str,
    figures: Mapping[str, object],
    deadline_seconds: float,
) -> Object:
    """The Job of one market, from the CronJob's template.

    Args:
        cronjob: as the API gives it.
        market: which market.
        window: window that was claimed.
        reason: why, in words.
        figures: error of the champion, as text for people.
        deadline_seconds: the Job is ended after so long, or earlier when the template says so.
    """
    owner = cronjob["metadata"]
    template = deepcopy(cronjob["spec"]["jobTemplate"])
    ours = template.get("metadata") or {}
    labels = _labels(owner["name"], market, window)
    metadata = {
        "name": job_name(owner["name"], market, window),
        "labels": {**(ours.get("labels") or {}), **labels},
        "annotations": {
            **(ours.get("annotations") or {}),
            "cronjob.kubernetes.io/instantiate": "manual",
            REASON: reason,
            FIGURES: ", ".join(f"{name}={value}" for name, value in figures.items()),
        },
        # No controller: the CronJob must not count or prune it. It goes when the CronJob goes.
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": owner["name"],
                "uid": owner["uid"],
            }
        ],
    }
    arguments = ["--market", str(market), "--window", window, "--reason", reason]
    spec = _one_market(template["spec"], arguments, labels, deadline_seconds)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def market_and_window(job: Object) -> tuple[Market, str] | None:
    """What a Job trains; None when its labels do not say."""
    labels = job["metadata"].get("labels") or {}
    try:
        return Market(labels[SYMBOL], labels[INTERVAL]), labels[WINDOW]
    except KeyError:
        return None


def end_of(job: Object) -> JobEnd | None:
    """How a Job ended; None while it runs.

    The monitor may not read pods. What their end was is told by the condition of the Job, whose
    message names the exit code when a rule of the podFailurePolicy has matched it.
    """
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition.get("status") != "True":
            continue
        if condition["type"] == "Complete":
            return JobEnd(ExitCode.OK, "", "the Job is complete")
        if condition["type"] == "Failed":
            return _failed(condition.get("reason", ""), condition.get("message", ""))
    return None


def _failed(reason: str, message: str) -> JobEnd:
    said = f"{reason}: {message}"
    if reason == "DeadlineExceeded":
        return JobEnd(None, "too_slow", said)
    exit_code = re.search(r"exit code (\d+)", message)
    if exit_code is None:
        return JobEnd(None, "gave_up" if reason == "BackoffLimitExceeded" else "failed", said)
    code = int(exit_code[1])
    if code == KILLED:
        return JobEnd(code, "out_of_memory", f"killed, as a rule for its memory; {said}")
    return JobEnd(code, cause_of(code), f"{meaning_of(code)}; {said}")


def _labels(cronjob: str, market: Market, window: str) -> dict[str, str]:
    return {
        MADE_FROM: cronjob,
        SYMBOL: market.symbol,
        INTERVAL: market.interval,
        WINDOW: window,
    }


def _one_market(
    spec: Object, arguments: list[str], labels: dict[str, str], deadline_seconds: float
) -> Object:
    """The template is an Indexed Job over all markets; this is one of its pods, with arguments."""
    if "backoffLimitPerIndex" in spec:
        limit = spec.pop("backoffLimitPerIndex")
        spec.setdefault("backoffLimit", limit)
    for name in INDEXED_ONLY:
        spec.pop(name, None)
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or []:
        if rule["action"] == "FailIndex":
            rule["action"] = "FailJob"
    allowed = int(deadline_seconds)
    spec["activeDeadlineSeconds"] = min(spec.get("activeDeadlineSeconds", allowed), allowed)
    spec.setdefault("ttlSecondsAfterFinished", KEPT_SECONDS)
    pod = spec["template"]
    metadata = pod.get("metadata") or {}
    pod["metadata"] = {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}
    containers = pod["spec"]["containers"]
    trainer = next((one for one in containers if one["name"] == TRAINER), containers[0])
    trainer["args"] = [*(trainer.get("args") or []), *arguments]
    return dict(spec)
