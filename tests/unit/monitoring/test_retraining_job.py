import re
from copy import deepcopy
from typing import Any

import pytest

from monitoring.cluster.job import build_job, end_of, job_name, market_and_window
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
WINDOW = "20261121T000000"
REASON = "MASE 1.7 is above 1.5"
EXIT_CODE_MESSAGE = (
    "Container trainer for pod forecasts/tidecast-retrain-x failed with exit code {}"
    " matching FailJob rule at index {}"
)


@pytest.fixture
def cronjob() -> dict[str, Any]:
    container = {"name": "trainer", "image": "tidecast:1", "command": ["python", "-m", "training"]}
    return {
        "metadata": {"name": "tidecast-training", "uid": "u-1"},
        "spec": {
            "suspend": True,
            "jobTemplate": {
                "metadata": {"labels": {"app": "tidecast"}, "annotations": {"kept": "yes"}},
                "spec": {
                    "completionMode": "Indexed",
                    "completions": 3,
                    "parallelism": 2,
                    "backoffLimitPerIndex": 2,
                    "maxFailedIndexes": 1,
                    "activeDeadlineSeconds": 3600,
                    "podFailurePolicy": {
                        "rules": [
                            {"action": "Ignore", "onPodConditions": []},
                            {"action": "FailIndex", "onExitCodes": {"values": [64]}},
                        ]
                    },
                    "template": {"spec": {"containers": [container], "restartPolicy": "Never"}},
                },
            },
        },
    }


def build(cronjob: dict[str, Any], deadline_seconds: float = 900.0) -> dict[str, Any]:
    return build_job(cronjob, MARKET, WINDOW, REASON, {"mase": 1.7}, deadline_seconds)


@pytest.mark.parametrize(
    ("window", "stamp"),
    [
        ("20261121T000000", "2026112100"),
        ("20261121T130000", "2026112113"),
        ("20261121T130500", "20261121130500"),
    ],
)
def test_job_name_tells_market_and_window(window: str, stamp: str) -> None:
    assert job_name("tidecast-training", MARKET, window) == f"tidecast-retrain-btc-usd-1h-{stamp}"


@pytest.mark.parametrize("cronjob_name", ["tidecast-training", "a" * 52, "x" * 43 + "-training"])
def test_job_name_is_a_name_that_kubernetes_takes(cronjob_name: str) -> None:
    symbols = ("BTC-USD", "1000000MOGWAI-USDT")
    names = [job_name(cronjob_name, Market(symbol, "1h"), WINDOW) for symbol in symbols]

    assert len(set(names)) == 2
    assert all(re.fullmatch(r"[a-z0-9][-a-z0-9]{0,61}[a-z0-9]", name) for name in names)


def test_job_name_that_was_cut_differs_by_window() -> None:
    names = {job_name("a" * 52, MARKET, f"20261121T{hour:02}0000") for hour in range(24)}

    assert len(names) == 24


def test_job_belongs_to_the_cronjob_without_being_controlled_by_it(cronjob: Any) -> None:
    metadata = build(cronjob)["metadata"]

    assert metadata["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "tidecast-training", "uid": "u-1"}
    ]
    assert metadata["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"


def test_job_says_why_it_was_made(cronjob: Any) -> None:
    job = build(cronjob)

    assert market_and_window(job) == (MARKET, WINDOW)
    assert job["metadata"]["annotations"]["tidecast/reason"] == REASON
    assert job["metadata"]["annotations"]["tidecast/figures"] == "mase=1.7"
    assert job["metadata"]["annotations"]["kept"] == "yes"
    assert job["metadata"]["labels"]["app"] == "tidecast"


def test_job_trains_one_market_of_the_indexed_template(cronjob: Any) -> None:
    spec = build(cronjob)["spec"]

    assert spec["template"]["spec"]["containers"][0]["args"] == [
        *("--market", "BTC-USD:1h", "--window", WINDOW, "--reason", REASON)
    ]
    assert not {"completionMode", "completions", "parallelism", "maxFailedIndexes"} & spec.keys()
    assert spec["backoffLimit"] == 2
    actions = [rule["action"] for rule in spec["podFailurePolicy"]["rules"]]
    assert actions == ["Ignore", "FailJob"]


def test_job_passes_its_arguments_to_the_trainer_among_containers(cronjob: Any) -> None:
    containers = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    containers.insert(0, {"name": "proxy", "args": ["--port", "1"]})
    containers[1]["args"] = ["--model", "ewma"]

    proxy, trainer = build(cronjob)["spec"]["template"]["spec"]["containers"]

    assert proxy["args"] == ["--port", "1"]
    assert trainer["args"][:4] == ["--model", "ewma", "--market", "BTC-USD:1h"]


@pytest.mark.parametrize(("template", "expected"), [(3600, 900), (60, 60), (None, 900)])
def test_job_ends_by_the_time_limit_of_a_training(
    cronjob: Any, template: int | None, expected: int
) -> None:
    cronjob["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] = template
    if template is None:
        del cronjob["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]

    assert build(cronjob)["spec"]["activeDeadlineSeconds"] == expected


def test_building_a_job_leaves_the_cronjob_as_it_is(cronjob: Any) -> None:
    before = deepcopy(cronjob)

    build(cronjob)

    assert cronjob == before


def failed(reason: str, message: str) -> dict[str, Any]:
    conditions = [
        {"type": "FailureTarget", "status": "True", "reason": reason, "message": message},
        {"type": "Failed", "status": "True", "reason": reason, "message": message},
    ]
    return {"status": {"conditions": conditions}}


ENDS = {
    "configuration": (("PodFailurePolicy", EXIT_CODE_MESSAGE.format(64, 1)), 64, "configuration"),
    "refused": (("PodFailurePolicy", EXIT_CODE_MESSAGE.format(65, 1)), 65, "refused"),
    "out of memory": (("PodFailurePolicy", EXIT_CODE_MESSAGE.format(137, 2)), 137, "out_of_memory"),
    "deadline": (
        ("DeadlineExceeded", "Job was active longer than specified deadline"),
        None,
        "too_slow",
    ),
    "attempts": (
        ("BackoffLimitExceeded", "Job has reached the specified backoff limit"),
        None,
        "gave_up",
    ),
    "unknown": (("SomethingNew", "of a later Kubernetes"), None, "failed"),
}


@pytest.mark.parametrize("case", ENDS)
def test_end_of_a_failed_job_tells_the_cause(case: str) -> None:
    (reason, message), code, cause = ENDS[case]

    end = end_of(failed(reason, message))

    assert end is not None
    assert (end.code, end.cause) == (code, cause)
    assert message in end.detail


def test_end_of_a_complete_job_is_exit_code_0() -> None:
    end = end_of({"status": {"conditions": [{"type": "Complete", "status": "True"}]}})

    assert end is not None
    assert (end.code, end.cause) == (0, "")


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"active": 1},
        {"conditions": [{"type": "Suspended", "status": "True"}]},
        {"conditions": [{"type": "FailureTarget", "status": "True"}]},
        {"conditions": [{"type": "Failed", "status": "False"}]},
    ],
)
def test_job_without_a_last_condition_runs(status: dict[str, Any]) -> None:
    assert end_of({"status": status}) is None


def test_job_of_somebody_else_is_not_ours() -> None:
    assert market_and_window({"metadata": {"labels": {"app": "other"}}}) is None
