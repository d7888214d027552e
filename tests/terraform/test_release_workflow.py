"""The release workflow: what it may do, and in which order."""

from typing import Any

import pytest
import yaml
from terraform_cli import CONFIGURATION, ROOT


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    text = (ROOT / ".github" / "workflows" / "release.yaml").read_text()
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def names(job: dict[str, Any]) -> list[str]:
    return [step.get("name", step.get("uses", "")) for step in job["steps"]]


def test_image_is_scanned_before_it_is_pushed(workflow: dict[str, Any]) -> None:
    steps = [name for name in names(workflow["jobs"]["image"]) if "/" not in name]

    assert steps == ["Build", "Scan", "Push"]


def test_deployment_is_tested_and_taken_back_on_failure(workflow: dict[str, Any]) -> None:
    deploy = workflow["jobs"]["deploy"]
    last = deploy["steps"][-1]

    assert deploy["needs"] == "image"
    assert names(deploy)[-3:] == ["Deploy", "Test", "Roll back"]
    assert "failure()" in last["if"] and "helm rollback" in last["run"]


def test_jobs_may_read_and_identify_themselves_only(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read", "id-token": "write"}


def test_jobs_run_in_the_environment_that_the_role_trusts(workflow: dict[str, Any]) -> None:
    trust = (CONFIGURATION / "github.tf").read_text()

    for job in workflow["jobs"].values():
        assert f":environment:{job['environment']}" in trust
