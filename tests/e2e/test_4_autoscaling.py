import json
import time
from pathlib import Path

import load
import pytest
from cluster import until
from figures import Figures
from release import NAME, Release

FAST_DOWN = {
    "stabilizationWindowSeconds": 15,
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}
"""The chart's five minutes are right for real days, and too long for a test."""
FEW_IN_FLIGHT = "150m"
"""Requests in flight per server that are aimed at. A load generator that shares two cores with the
servers keeps a fraction of one in flight at most, so the chart's 4 is out of reach here."""
HEAVY_USERS, LIGHT_USERS = 120, 6


@pytest.mark.parametrize("metric", ["cpu", "inflight"])
def test_servers_follow_the_load_and_no_request_fails(
    release: Release, figures: Figures, tmp_path: Path, metric: str
) -> None:
    _scale_by(release, metric)
    until("two servers", lambda: _servers(release) == 2, 240)
    load.open_ports(release.namespace)
    heavy = load.start(tmp_path, "heavy", HEAVY_USERS, 240, "--shed-share", "1")
    try:
        started = time.monotonic()
        until("four servers", lambda: heavy.is_running() and _servers(release) >= 4, 220)
        up_seconds = time.monotonic() - started
    finally:
        heavy.stop()
    light = load.start(tmp_path, "light", LIGHT_USERS, 900)
    try:
        started = time.monotonic()
        until("two servers again", lambda: light.is_running() and _servers(release) == 2, 300)
        until("the others gone", lambda: len(_all_pods(release)) == 2, 90)
        down_seconds = time.monotonic() - started
    finally:
        light.stop()
    figures.note(
        f"4 autoscaling by {metric}",
        to_four_servers_seconds=round(up_seconds),
        back_to_two_seconds=round(down_seconds),
        requests_of_the_heavy_load=heavy.requests(),
        exit_code_of_the_heavy_load=heavy.process.returncode,
        requests_while_scaling_down=light.requests(),
        exit_code_of_the_load_while_scaling_down=light.process.returncode,
    )
    assert heavy.process.returncode == 0, heavy.log.read_text()[-3000:]
    assert light.process.returncode == 0, light.log.read_text()[-3000:]


def _scale_by(release: Release, metric: str) -> None:
    release.upgrade(
        *("--set", "autoscaling.minReplicas=2", "--set", "autoscaling.maxReplicas=4"),
        *("--set", f"autoscaling.metric={metric}"),
    )
    name = f"hpa/{NAME}-server"
    metrics = release.namespace.get(name)["spec"]["metrics"]
    if metric == "inflight":
        metrics[0]["pods"]["target"]["averageValue"] = FEW_IN_FLIGHT
    change = json.dumps({"spec": {"metrics": metrics, "behavior": {"scaleDown": FAST_DOWN}}})
    release.namespace.kubectl("patch", name, "--type=merge", "-p", change)


def _servers(release: Release) -> int:
    return len(release.ready_servers())


def _all_pods(release: Release) -> list[object]:
    """Those on their way out too."""
    selector = "app.kubernetes.io/component=server"
    return list(release.namespace.items("pods", "-l", selector))
