"""What the page of serving says, and how it judges."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.readme import marks
from benchmarks.serving.answers import Answers, recovery, shares
from benchmarks.serving.figures import Figure, figures
from benchmarks.serving.page import BLOCK, page, with_block

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "serving"
START, END = marks(BLOCK)


@pytest.fixture(scope="module")
def results():
    path = FOLDER / "results.json"
    if not path.exists():
        pytest.skip("serving was not measured yet: make bench-serving")
    return json.loads(path.read_text())


def test_readme_block_is_that_of_the_results(results):
    text = (ROOT / "README.md").read_text()
    assert START in text
    assert with_block(text, results) == text


def test_page_is_that_of_the_results(results):
    assert (FOLDER / "results.md").read_text() == "\n".join(page(results)) + "\n"


def test_block_stays_between_its_marks(results):
    text = f"before\n{START}\nold\n{END}\nafter\n"
    made = with_block(text, results)
    assert made.startswith(f"before\n{START}\n")
    assert made.endswith(f"\n{END}\nafter\n")
    assert "old" not in made


def test_nothing_measured_leaves_the_readme_alone():
    assert with_block("text", {}) == "text"


@pytest.mark.parametrize(
    ("value", "more", "verdict"),
    [
        (9.0, True, "aim"),
        (4.5, True, "must"),
        (4.49, True, "**missed**"),
        (2.9, False, "aim"),
        (4.5, False, "must"),
        (4.51, False, "**missed**"),
        (None, False, "**missed**"),
    ],
)
def test_figure_says_what_it_reaches(value, more, verdict):
    aim = 8.0 if more else 3.0
    assert Figure("x", value, "", must=4.5, aim=aim, more=more).verdict == verdict


def test_missed_figure_is_named_in_the_readme(results):
    slow = {**results["throughput"], "tidecast GET": {**results["throughput"]["tidecast GET"]}}
    slow["tidecast GET"]["p99_ms"] = 1000.0
    text = with_block(f"{START}\n{END}", {"throughput": slow})
    assert "Missed: " in text
    assert "p99 with 16 connections" in text


def test_figures_of_a_part_that_was_not_measured_are_left_out(results):
    assert figures({}) == []
    assert len(figures({"throughput": results["throughput"]})) == 8


def _answers(times_ms, codes=None, each=0.01):
    """Answers that were asked one after the other, ``each`` seconds apart, from 1000 on."""
    starts = 1000 + each * np.arange(len(times_ms))
    return Answers(starts, np.array(codes or [200] * len(times_ms)), np.array(times_ms, float))


def test_recovery_is_the_end_of_the_last_slow_second():
    slow, quick = [50.0] * 100, [1.0] * 100
    after = _answers(quick + slow + quick * 13)
    assert recovery(after, 1000, quiet_p99=1.0) == 2.0


def test_recovery_is_at_once_when_no_second_is_slow():
    assert recovery(_answers([1.0] * 1500), 1000, quiet_p99=1.0) == 0.0


def test_recovery_with_errors_to_the_end_never_comes():
    after = _answers([1.0] * 1500, [429] * 1500)
    assert recovery(after, 1000, quiet_p99=1.0) is None


def test_answers_in_flight_at_the_begin_of_a_window_are_in_it():
    inside = _answers([1.0, 500.0, 1.0, 1.0], each=0.1).between(1000.19, 1000.3)
    assert inside.tolist() == [False, True, True, False]


def test_refused_and_failed_answers_are_no_accepted_ones():
    found = shares(_answers([1.0, 2.0, 3.0, 4.0], [200, 429, 503, 0]))
    assert (found["accepted"], found["refused"], found["other"]) == (1, 1, 2)
    assert (found["accepted_p99_ms"], found["refused_p99_ms"]) == (1.0, 2.0)
