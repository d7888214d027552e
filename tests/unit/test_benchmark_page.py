import json
from pathlib import Path

from benchmarks.readme import with_block
from benchmarks.run import BLOCK, page, summary

ROOT = Path(__file__).resolve().parents[2]
RESULTS = json.loads((ROOT / "benchmarks" / "results.json").read_text())


def test_readme_numbers_are_those_that_were_measured():
    text = (ROOT / "README.md").read_text()
    assert with_block(text, BLOCK, summary(RESULTS)) == text


def test_results_page_is_that_of_the_results():
    assert (ROOT / "benchmarks" / "results.md").read_text() == "\n".join(page(RESULTS)) + "\n"
