"""What the README and the page say of the scenarios on a cluster."""

import copy
import json
from pathlib import Path

import pytest

from benchmarks.cluster import BLOCK, block, page
from benchmarks.readme import with_block

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "e2e"


@pytest.fixture
def results():
    return json.loads((FOLDER / "results.json").read_text())


def test_readme_block_is_that_of_the_results(results):
    text = (ROOT / "README.md").read_text()
    assert with_block(text, BLOCK, block(results)) == text


def test_page_is_that_of_the_results(results):
    assert (FOLDER / "results.md").read_text() == "\n".join(page(results)) + "\n"


def test_block_tells_of_every_failed_request(results):
    failing = copy.deepcopy(results)
    failing["scenarios"]["3 closed loop"].update(answers=97, failed=3)
    failing["scenarios"]["4 autoscaling by cpu"]["exit_code_of_the_heavy_load"] = 1
    text = "\n".join(block(failing))
    assert "| 3 of 100 |" in text
    assert "| some of " in text


def test_block_of_a_run_without_a_scenario_is_refused(results):
    del results["scenarios"]["8 upgrade"]
    with pytest.raises(KeyError, match="8 upgrade"):
        block(results)
