from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from service.scoreboard import tally
from tidecast.timeframes import Market

CUTOFF = datetime(2025, 1, 31, 10, tzinfo=UTC)


def _score(hour: int, step: int, error: float, covered: bool, version: str = "2") -> dict:
    return {
        "cutoff": CUTOFF + timedelta(hours=hour),
        "step": step,
        "model_version": version,
        "error": error,
        "baseline_error": 0.02,
        "crps": error / 2,
        "baseline_crps": 0.02,
        "width_90": 0.05,
        "covered_50": False,
        "covered_80": covered,
        "covered_90": covered,
        "covered_95": True,
    }


def test_tally_averages_per_step_beside_the_random_walk(market: Market) -> None:
    rows = [_score(0, 1, 0.01, True), _score(0, 2, 0.04, True), _score(1, 1, 0.03, False, "10")]
    board = tally(market, pd.DataFrame(rows), simulated=False)
    first, second = board.steps
    assert (board.n, first.n, second.n) == (3, 2, 1)
    assert first.error == pytest.approx(0.02)
    assert (first.mase, second.mase) == (pytest.approx(1.0), pytest.approx(2.0))
    assert first.crps_ratio == pytest.approx(0.5)
    assert (first.coverage.band_50, first.coverage.band_90, first.coverage.band_95) == (0, 0.5, 1)
    assert (board.since, board.until) == (CUTOFF, CUTOFF + timedelta(hours=1))
    assert board.model_versions == ["2", "10"]


def test_tally_of_nothing_is_empty(market: Market) -> None:
    nothing = pd.DataFrame([_score(0, 1, 0.01, True)]).iloc[:0]
    board = tally(market, nothing, simulated=True)
    assert (board.n, board.steps, board.since, board.simulated) == (0, [], None, True)


def test_tally_has_no_ratio_without_baseline_error(market: Market) -> None:
    score = {**_score(0, 1, 0.01, True), "baseline_error": 0.0}
    (step,) = tally(market, pd.DataFrame([score]), simulated=False).steps
    assert step.mase is None
