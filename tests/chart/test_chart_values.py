"""Every value is documented, known to the schema, and used; unknown ones are refused."""

import json

import pytest
import yaml

from docs.values_page import documented, leaves, page
from tests.chart.conftest import CHART, needs_helm, template

TEXT = (CHART / "values.yaml").read_text()
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
MOST_VALUES = 60


LEAVES = leaves(yaml.safe_load(TEXT))


def test_values_are_fewer_than_sixty():
    assert len(LEAVES) < MOST_VALUES


def test_values_are_documented_each():
    assert set(LEAVES) <= documented(TEXT).keys()


def test_values_page_is_the_generated_one():
    assert (CHART / "README.md").read_text() == page(TEXT)


def test_values_are_all_in_the_schema():
    for path in LEAVES:
        node = SCHEMA
        for name in path:
            node = node["properties"][name]


def test_schema_has_no_value_that_is_not_in_the_file():
    def walk(node, path=()):
        for name, below in node.get("properties", {}).items():
            here = (*path, name)
            if here == ("global",) or here[0] == "scheduling" and len(here) == 2:
                continue
            whole = here in LEAVES or here[0] == "resources" and len(here) == 2
            yield from [here] if whole else walk(below, here) or [here]

    assert set(walk(SCHEMA)) == set(LEAVES)


def test_schema_forbids_unknown_keys_everywhere():
    def closed(node) -> bool:
        below = node.get("properties", {})
        return (not below or node.get("additionalProperties") is False) and all(
            closed(one) for one in below.values()
        )

    assert closed({**SCHEMA, "properties": {k: v for k, v in SCHEMA["properties"].items()}})


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_value_is_used_by_a_template(path):
    templates = "\n".join(file.read_text() for file in CHART.rglob("templates/**/*.*"))
    used = [".".join(path[n:]) for n in range(len(path) - 1)] + [f".{path[-1]}"]
    assert any(name in templates for name in used)


@needs_helm
@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("imagee.tag=x", "imagee"),
        ("autoscaling.maxReplicas=many", "maxReplicas"),
        ("database.external.prt=1", "prt"),
        ("monitor.mode=both", "mode"),
    ],
)
def test_wrong_value_is_refused_by_name(word, named):
    done = template("--set", word)
    assert done.returncode != 0
    assert named in done.stderr
