"""`k8s/` is the chart, rendered."""

import shutil
import subprocess

import pytest
import yaml

from tests.chart.conftest import CHART, ROOT, helm, needs_helm

MANIFESTS = ROOT / "k8s"


@needs_helm
def test_manifests_are_rendered_from_the_chart():
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile.partition("\nmanifests:")[2].partition("\n\n")[0]
    words = recipe.partition("helm template")[2].replace("\\\n", " ").partition(">")[0].split()
    done = helm("template", "tidecast", str(CHART), *words[2:])
    assert done.returncode == 0, done.stderr
    assert done.stdout == (MANIFESTS / "tidecast.yaml").read_text(), "old: run `make manifests`"


def test_manifests_hold_no_secret_and_no_test():
    objects = [one for one in yaml.safe_load_all((MANIFESTS / "tidecast.yaml").read_text()) if one]
    assert not {"Secret", "Pod"} & {one["kind"] for one in objects}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH")
def test_kustomization_builds():
    done = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "kind: Deployment" in done.stdout
