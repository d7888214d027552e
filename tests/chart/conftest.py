"""The chart, rendered once for every supported shape. Without helm these tests skip and say so."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "tidecast"
PROFILES = ("default", *sorted(path.stem.removesuffix("-values") for path in CHART.glob("ci/*")))
KUBE_VERSION = "1.34.0"
RELEASE, NAMESPACE = "tidecast", "forecasts"

Object = dict[str, Any]

needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on the PATH")


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run helm on the chart."""
    verb, *rest = words
    return subprocess.run(
        ["helm", verb, *rest], capture_output=True, text=True, timeout=60, check=False
    )


def template(*words: str, release: str = RELEASE) -> subprocess.CompletedProcess[str]:
    """Render the chart."""
    return helm(
        "template", release, str(CHART), "--namespace", NAMESPACE,
        "--kube-version", KUBE_VERSION, *words,
    )  # fmt: skip


def profile_words(profile: str) -> list[str]:
    """Arguments of helm that choose a profile."""
    return [] if profile == "default" else ["-f", str(CHART / "ci" / f"{profile}-values.yaml")]


@dataclass(frozen=True)
class Rendered:
    """The objects of one rendering."""

    objects: tuple[Object, ...]

    def of(self, kind: str) -> list[Object]:
        """Objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """The object of a kind whose name ends so."""
        (found,) = (one for one in self.of(kind) if one["metadata"]["name"].endswith(name))
        return found

    def pod_specs(self) -> Iterator[tuple[str, Object, Object]]:
        """Name, metadata and spec of every pod that may come from these objects."""
        for one in self.objects:
            name = f"{one['kind']}/{one['metadata']['name']}"
            spec = one.get("spec") or {}
            if one["kind"] == "Pod":
                yield name, one["metadata"], spec
            if one["kind"] == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            if "template" in spec:
                yield name, spec["template"]["metadata"], spec["template"]["spec"]

    def containers(self) -> Iterator[tuple[str, Object]]:
        """Name and object of every container."""
        for name, _, pod in self.pod_specs():
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                yield f"{name}/{container['name']}", container


@pytest.fixture(scope="session")
def render() -> Callable[..., Rendered]:
    """Renders a profile with more arguments; each combination once."""
    kept: dict[tuple[str, ...], Rendered] = {}

    def rendered(profile: str = "default", *words: str, release: str = RELEASE) -> Rendered:
        key = (profile, release, *words)
        if key not in kept:
            done = template(*profile_words(profile), *words, release=release)
            assert done.returncode == 0, done.stderr
            objects = (one for one in yaml.safe_load_all(done.stdout) if one)
            kept[key] = Rendered(tuple(objects))
        return kept[key]

    return rendered


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest, render: Callable[..., Rendered]) -> Rendered:
    """Every supported shape."""
    rendered: Rendered = render(request.param)
    return rendered
