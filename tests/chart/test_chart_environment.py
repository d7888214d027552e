"""Variables that the chart gives are settings of the product, and no setting is told twice."""

import re

from tests.chart.conftest import needs_helm
from tidecast.settings import Settings

pytestmark = needs_helm

OTHERS = re.compile(r"(PG|POSTGRES_|MLFLOW_)\w+|HOME")
SMOKE = {"HOST", "SYMBOL", "INTERVAL", "GRPC", "GRPC_CERTIFICATE", "KEYS"}
"""Variables of the test that `helm test` runs."""


def _is_setting(name: str) -> bool:
    if not name.startswith("TIDECAST_"):
        return False
    model: type | None = Settings
    for part in name.removeprefix("TIDECAST_").lower().split("__"):
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            return False
        model = fields[part].annotation
    return True


def test_variables_are_settings_or_known_to_a_library(profile):
    for name, container in profile.containers():
        for variable in container.get("env", []):
            variable_name = variable["name"]
            known = _is_setting(variable_name) or OTHERS.fullmatch(variable_name)
            assert known or variable_name in SMOKE, f"{name}: {variable_name}"


def test_variables_are_given_once(profile):
    for name, container in profile.containers():
        names = [variable["name"] for variable in container.get("env", [])]
        assert len(names) == len(set(names)), name
