"""What goes into the image, read from its files; the image itself is built by `make image`."""

import re
import tomllib

from tests.chart.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
ALLOWED = [
    line[1:]
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line.startswith("!")
]  # fmt: skip


def _packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_context_is_an_allow_list():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert rules[-1] == "**/__pycache__"


def test_context_has_every_package():
    assert set(_packages()) <= set(ALLOWED)


def test_context_has_what_the_bento_includes():
    included = re.findall(
        r'^  - "([^"*]+?)(?:/\*\*)?"$', (ROOT / "bentofile.yaml").read_text(), re.M
    )
    assert included
    assert set(included) <= set(ALLOWED)


def test_context_names_only_what_is_there():
    for path in ALLOWED:
        assert (ROOT / path).exists(), path


def test_image_has_every_package():
    copied = re.search(r"cp -r (.+) /bento/src/", DOCKERFILE)
    assert copied
    bento = {"tidecast", "service"}
    assert set(_packages()) <= bento | set(copied[1].split())


def test_image_runs_as_a_number_that_is_not_root():
    """A name would stay in CreateContainerConfigError under runAsNonRoot."""
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["10001:10001"]


def test_image_needs_no_front_end_of_its_builder():
    assert "# syntax" not in DOCKERFILE
    assert "--mount" not in DOCKERFILE
    assert "<<" not in DOCKERFILE


def test_pins_of_the_image_carry_hashes_and_no_address():
    pins = (ROOT / "requirements" / "image.txt").read_text()
    names = re.findall(r"^[a-z0-9][^\s=]*==", pins, re.M)
    assert len(names) > 100
    assert pins.count("--hash=sha256:") > len(names)
    assert "://" not in pins and "--index" not in pins


def test_pins_of_the_image_are_those_of_the_tests():
    def pinned(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^([a-z0-9][^\s=;]*==[^\s;]+)", text, re.M))

    assert pinned("image.txt") <= pinned("dev.txt")
