from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring.window import SHOCK_CANDLES, ErrorWindow, build_window
from tidecast.timeframes import Market

HOUR = timedelta(hours=1)
Simulate = Callable[..., Any]


def test_error_window_is_empty_when_the_version_has_no_score(
    simulate: Simulate, market: Market
) -> None:
    window = build_window(simulate(80, seed=1).frame(), market, "another", 168)

    assert (window.scored, window.newest) == (0, None)
    assert np.isnan([window.mase, window.whole.crps_ratio, window.coverage_t]).all()


def test_error_window_counts_target_times_up_to_its_length(
    simulate: Simulate, market: Market, start: datetime
) -> None:
    scores = simulate(400, seed=1).frame()

    assert build_window(scores, market, "1", 168).scored == 168
    assert build_window(scores, market, "1", 168).newest == start + 399 * HOUR
    assert build_window(scores, market, "1", 1000).scored == 399


def test_error_window_ratio_is_one_and_t_zero_when_model_is_the_baseline(
    simulate: Simulate, market: Market
) -> None:
    scores = simulate(300, seed=2).frame()
    scores["crps"] = scores["baseline_crps"]

    window = build_window(scores, market, "1", 168)

    assert (window.whole.crps_ratio, window.whole.t) == (1.0, 0.0)
    assert window.mase == 1.0


def test_error_window_ratio_equals_naive_loop(simulate: Simulate, market: Market) -> None:
    scores = simulate(90, seed=3).frame()
    window = build_window(scores, market, "1", 168)

    scale = {step: own["baseline_crps"].mean() for step, own in scores.groupby("step")}
    excess = []
    for _, known in scores.groupby("target_time"):
        weight = sum(1 / step for step in known["step"])
        terms = (known["crps"] - known["baseline_crps"]) / known["step"].map(scale) / known["step"]
        excess.append(terms.sum() / weight)
    low, high = np.quantile(excess, [0.05, 0.95])

    assert window.whole.crps_ratio == pytest.approx(
        1 + np.clip(excess, low, high).mean(), rel=1e-12
    )


def test_error_window_mase_is_that_of_step_one(simulate: Simulate, market: Market) -> None:
    scores = simulate(300, seed=4).frame()
    scores.loc[scores["step"] == 1, "error"] = 2 * scores["baseline_error"]
    scores.loc[scores["step"] > 1, "error"] = 0.0

    assert build_window(scores, market, "1", 168).mase == pytest.approx(2.0)


def test_error_window_coverage_is_the_share_of_step_one_inside(
    simulate: Simulate, market: Market
) -> None:
    scores = simulate(191, seed=5).frame()
    scores["covered_90"] = (scores["target_time"].dt.hour != 7) & (scores["step"] == 1)

    window = build_window(scores, market, "1", 168)

    assert window.coverage[90] == pytest.approx(23 / 24)


def test_error_window_coverage_t_is_negative_when_bands_are_too_narrow(
    simulate: Simulate, market: Market
) -> None:
    stream = simulate(400, seed=5)
    narrow = replace(stream, deviation=0.3 * stream.deviation)

    window = build_window(narrow.frame(), market, "1", 168)

    assert window.coverage[90] < 0.7
    assert window.coverage_t < -5


def test_error_window_coverage_t_is_small_when_few_hits_are_all_there_is(
    simulate: Simulate, market: Market
) -> None:
    scores = simulate(90, seed=5).frame(first=65)
    scores["covered_90"] = True

    window = build_window(scores, market, "1", 168)

    assert window.coverage[90] == 1.0
    assert 1.5 < window.coverage_t < 2.0


def test_error_window_hardly_moves_when_one_score_is_absurd(
    simulate: Simulate, market: Market
) -> None:
    scores = simulate(300, seed=6).frame()
    before = build_window(scores, market, "1", 168)
    scores.loc[scores["target_time"] == scores["target_time"].iloc[-2000], "crps"] *= 1000

    after = build_window(scores, market, "1", 168)

    assert abs(after.whole.crps_ratio - before.whole.crps_ratio) < 0.01


def test_error_window_leaves_out_the_candles_after_a_shock(
    simulate: Simulate, market: Market, start: datetime
) -> None:
    scores = simulate(300, seed=7, shock=(280, 0.2)).frame()

    window = build_window(scores, market, "1", 168)

    assert window.newest == start + 279 * HOUR
    assert window.scored == 168 - 20


def test_error_window_takes_no_return_for_a_shock_when_most_candles_stand_still(
    simulate: Simulate, market: Market
) -> None:
    scores = simulate(300, seed=7).frame()
    scores.loc[scores["target_time"].dt.hour > 8, "baseline_error"] = 0.0

    assert build_window(scores, market, "1", 168).scored == 168


def test_error_window_counts_again_three_days_after_a_shock(
    simulate: Simulate, market: Market, start: datetime
) -> None:
    scores = simulate(356, seed=7, shock=(280, 0.2)).frame()

    window = build_window(scores, market, "1", 168)

    # Two shocks in a row: the fall and the rebound.
    assert window.newest == start + 355 * HOUR
    assert window.scored == 168 - SHOCK_CANDLES - 1


def test_error_window_of_a_fresh_version_needs_no_long_steps(
    simulate: Simulate, market: Market
) -> None:
    scores = simulate(300, seed=8).frame(first=296)

    window: ErrorWindow = build_window(scores, market, "1", 168)

    assert window.scored == 3
    assert np.isfinite(window.whole.crps_ratio)


def test_error_window_does_not_change_its_input(simulate: Simulate, market: Market) -> None:
    scores = simulate(100, seed=9).frame()
    before = scores.copy()

    build_window(scores, market, "1", 168)

    pd.testing.assert_frame_equal(scores, before)
