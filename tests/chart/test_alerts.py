"""The alerts fire when they should, speak of metrics that exist, and have a runbook."""

import re
import shutil
import subprocess

import pytest
import yaml

from tests.chart.conftest import CHART, ROOT

FILE = CHART / "files" / "alerts.yaml"
RULES = yaml.safe_load(FILE.read_text())["groups"][0]["rules"]
NAMES = [rule["alert"] for rule in RULES]
FOREIGN = ("kube_", "kubelet_")
"""Prefixes of metrics of the cluster."""
TESTS = ROOT / "tests" / "chart" / "alerts_test.yaml"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not on the PATH"
)


@needs_promtool
@pytest.mark.timeout(180)
def test_alerts_fire_when_they_should():
    done = subprocess.run(
        ["promtool", "test", "rules", str(TESTS)], capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_alert_has_a_test_in_which_it_fires(name):
    cases = yaml.safe_load(TESTS.read_text())["tests"]
    fires = [one["alertname"] for case in cases for one in case["alert_rule_test"]
             if one.get("exp_alerts")]  # fmt: skip
    assert name in fires


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_alert_speaks_of_metrics_that_exist(rule):
    known = (ROOT / "docs" / "metrics.md").read_text()
    for metric in re.findall(r"\b[a-z]+_[a-z_]+(?=[{\[ )]|$)", rule["expr"]):
        if metric.startswith("tidecast_"):
            assert f"`{metric}`" in known
        else:
            assert metric.startswith(FOREIGN) or metric in ("absent_over_time",)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_alert_has_a_runbook(rule):
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor == rule["alert"].lower()
    assert f"### {rule['alert']}\n" in (ROOT / page).read_text()
    assert rule["labels"]["severity"] in ("critical", "warning")
