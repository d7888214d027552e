"""The outputs are what the chart needs."""

import json
from typing import Any

import pytest
import yaml
from conftest import ACCOUNT, NAME, REGION
from terraform_cli import ROOT

CHART = ROOT / "helm" / "tidecast"


@pytest.fixture(scope="module")
def values(outputs: dict[str, Any]) -> dict[str, Any]:
    rendered: dict[str, Any] = yaml.safe_load(outputs["helm_values"])
    return rendered


def test_values_name_what_was_built(values: dict[str, Any]) -> None:
    assert values["image"]["repository"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}"
    assert values["mlflow"]["artifactRoot"] == f"s3://{NAME}-artifacts-{ACCOUNT}-{REGION}/mlflow"
    external = values["database"]["external"]
    assert external["host"].startswith(f"{NAME}.") and external["port"] == 5432
    assert external["name"] == "tidecast"
    assert values["alerts"]["topicArn"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}-alerts"


def test_values_name_service_accounts_that_have_a_role(values: dict[str, Any], client: Any) -> None:
    bound = client("eks").list_pod_identity_associations(clusterName=NAME)["associations"]
    accounts = {one["serviceAccount"] for one in bound if one["namespace"] == "tidecast"}

    assert {one["name"] for one in values["serviceAccounts"].values()} == accounts


def test_values_fit_the_schema_of_the_chart(values: dict[str, Any]) -> None:
    schema = CHART / "values.schema.json"
    if not schema.exists():
        pytest.skip(f"{schema.relative_to(ROOT)} is not there yet")
    import jsonschema

    jsonschema.validate(values, json.loads(schema.read_text()))


def test_values_are_values_of_the_chart(values: dict[str, Any]) -> None:
    chart = CHART / "values.yaml"
    if not chart.exists():
        pytest.skip(f"{chart.relative_to(ROOT)} is not there yet")

    assert unknown_keys(values, yaml.safe_load(chart.read_text())) == []


def unknown_keys(values: dict[str, Any], known: dict[str, Any], path: str = "") -> list[str]:
    """Paths of keys that the chart does not have."""
    found = []
    for key, value in values.items():
        if key not in known:
            found.append(f"{path}{key}")
        elif isinstance(value, dict):
            found += unknown_keys(value, known[key], f"{path}{key}.")
    return found
