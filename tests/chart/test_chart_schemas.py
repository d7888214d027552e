"""The objects are what Kubernetes 1.32 to 1.34 knows, to the last field."""

import subprocess

import pytest
import yaml

from tests.chart.conftest import PROFILES, ROOT, needs_helm

VALIDATE = ROOT / ".venv-chart" / "bin" / "kubernetes-validate"
CUSTOM = ("ServiceMonitor", "PrometheusRule", "HTTPRoute")
"""Kinds that Kubernetes itself does not have."""

pytestmark = [
    needs_helm,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not VALIDATE.exists(), reason="the schemas come with `make chart-test`"),
]


@pytest.mark.parametrize("version", ["1.32", "1.33", "1.34"])
def test_objects_have_the_fields_of_kubernetes(render, tmp_path, version):
    objects = [one for name in PROFILES for one in render(name).objects]
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all([one for one in objects if one["kind"] not in CUSTOM]))
    command = [str(VALIDATE), "--strict", "--quiet", "-k", version, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout
    assert "ERROR" not in done.stdout
