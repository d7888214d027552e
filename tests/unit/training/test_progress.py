import time

import pytest

from training.progress import announced


def test_progress_is_told_when_a_step_begins_and_how_long_it_took():
    lines: list[str] = []
    with announced(lines.append, "fitting"):
        pass
    assert lines == ["fitting", "fitting: 0.0 s"]


def test_progress_is_told_while_a_step_runs():
    lines: list[str] = []
    with announced(lines.append, "fitting", tick_seconds=0.01):
        time.sleep(0.05)
    assert "fitting, 0 s so far" in lines


def test_progress_is_not_told_of_an_end_that_did_not_come():
    lines: list[str] = []
    with pytest.raises(ValueError, match="singular"), announced(lines.append, "fitting"):
        raise ValueError("singular")
    assert lines == ["fitting"]
