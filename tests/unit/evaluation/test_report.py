import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidecast.candles import Quarantined
from tidecast.evaluation import metrics
from tidecast.evaluation.report import BacktestResult, has_distribution, report, report_json
from tidecast.forecasts import LEVELS

COUNT, HORIZON = 600, 3


@pytest.fixture(scope="module")
def result(backtest_result: BacktestResult) -> BacktestResult:
    return backtest_result


@pytest.fixture(scope="module")
def contents(result: BacktestResult) -> dict[str, Any]:
    return report(result)


def test_report_is_strict_json(contents: dict[str, Any]) -> None:
    assert json.loads(report_json(contents)) == contents


def test_report_has_every_model_and_step(contents: dict[str, Any]) -> None:
    for name in ("ensemble", "sarimax", "random_walk", "garch"):
        assert [row["step"] for row in contents["models"][name]["steps"]] == [1, 2, 3]


def test_report_counts_only_known_outcomes(contents: dict[str, Any]) -> None:
    assert [row["n"] for row in contents["models"]["ensemble"]["steps"]] == [600, 599, 598]


def test_report_gives_crps_and_skill(result: BacktestResult, contents: dict[str, Any]) -> None:
    row = contents["models"]["ensemble"]["steps"][1]
    own, walk = (
        metrics.crps(result.forecasts[name].quantiles, LEVELS, result.actual_returns)[:599, 1]
        for name in ("ensemble", "random_walk")
    )
    assert row["crps_bps"] == pytest.approx(1e4 * own.mean())
    assert row["skill"]["random_walk"] == pytest.approx(1 - own.mean() / walk.mean())
    assert row["diebold_mariano"]["random_walk"]["t"] > 3
    assert row["diebold_mariano"]["garch"]["t"] > 0


def test_report_gives_no_skill_of_a_reference_over_itself(contents: dict[str, Any]) -> None:
    row = contents["models"]["random_walk"]["steps"][0]
    assert row["skill"]["random_walk"] == 0.0
    assert row["diebold_mariano"]["random_walk"]["t"] == 0.0


def test_report_gives_errors_of_the_centre(
    result: BacktestResult, contents: dict[str, Any]
) -> None:
    row = contents["models"]["ensemble"]["steps"][0]
    error = np.abs(result.actual_returns[:, 0] - result.forecasts["ensemble"].center[:, 0])
    assert row["mae_bps"] == pytest.approx(1e4 * error.mean())
    assert row["mase"] == pytest.approx(error.mean() / np.abs(result.actual_returns[:, 0]).mean())
    assert contents["models"]["random_walk"]["steps"][0]["mase"] == 1.0


def test_report_scores_a_member_without_quantiles_on_its_centre_only(
    contents: dict[str, Any],
) -> None:
    row = contents["models"]["sarimax"]["steps"][0]
    assert set(row) == {"step", "n", "mae_bps", "mase", "directional_accuracy"}


def test_report_gives_coverage_and_width_of_every_band(contents: dict[str, Any]) -> None:
    row = contents["models"]["ensemble"]["steps"][0]
    for percent in (50, 80, 90, 95):
        assert row["coverage"][str(percent)] == pytest.approx(percent / 100, abs=0.06)
    assert row["width_bps"]["90"] == pytest.approx(2 * 1.644854 * 100, rel=1e-5)
    assert row["worst_week_90"] < row["coverage"]["90"]


def test_report_counts_every_outcome_once_in_pit_and_pinball(contents: dict[str, Any]) -> None:
    row = contents["models"]["garch"]["steps"][2]
    assert sum(row["pit"]) == row["n"] == 598
    assert set(row["pinball_bps"]) >= {"0.05", "0.5", "0.95"}


def test_report_thins_overlapping_windows_for_the_exceedance_tests(
    contents: dict[str, Any],
) -> None:
    counts = [row["exceedance_95"]["n"] for row in contents["models"]["ensemble"]["steps"]]
    assert counts == [600, 300, 200]


def test_report_splits_into_terciles(contents: dict[str, Any]) -> None:
    table = contents["models"]["ensemble"]["steps"][0]["terciles"]
    assert [row["regime"] for row in table] == ["calm", "medium", "wild"]
    assert sum(row["n"] for row in table) == COUNT - 24
    assert all(0.7 < row["coverage"]["90"] <= 1 for row in table)


def test_report_splits_into_quarters(result: BacktestResult) -> None:
    moved = {
        name: replace(one, cutoffs=one.cutoffs + pd.Timedelta(days=20))
        for name, one in result.forecasts.items()
    }
    quarters = report(replace(result, forecasts=moved))["quarters"]
    assert list(quarters) == ["2025Q1", "2025Q2"]
    assert len(quarters["2025Q2"]["ensemble"]["crps_bps"]) == HORIZON
    assert "sarimax" not in quarters["2025Q1"]


def test_report_has_no_alarm_for_honest_forecasts(contents: dict[str, Any]) -> None:
    assert contents["alarms"] == []


def test_report_calls_a_forecast_that_knows_the_future_a_leak(result: BacktestResult) -> None:
    peeking = replace(
        result.forecasts["ensemble"], center=np.nan_to_num(0.1 * result.actual_returns)
    )
    alarms = report(replace(result, forecasts={**result.forecasts, "boosting": peeking}))["alarms"]
    assert len(alarms) == 2
    assert all(alarm.startswith("boosting") and "leak" in alarm for alarm in alarms)


def test_report_is_about_the_first_model_when_there_is_no_ensemble(
    result: BacktestResult,
) -> None:
    rest = {name: one for name, one in result.forecasts.items() if name != "ensemble"}
    assert report(replace(result, forecasts=rest))["main_model"] == "sarimax"


def test_report_stands_a_backtest_whose_outcomes_are_all_unknown(result: BacktestResult) -> None:
    unknown = replace(result, actual_returns=np.full((COUNT, HORIZON), np.nan))
    row = report(unknown)["models"]["ensemble"]["steps"][0]
    assert row["n"] == 0
    assert row["crps_bps"] is None
    assert row["coverage"]["90"] is None


@pytest.mark.parametrize(("hours", "expected"), [(1, 168), (6, 28), (24, 7)])
def test_report_knows_how_many_cutoffs_are_a_week(
    result: BacktestResult, hours: int, expected: int
) -> None:
    thinned = {name: one.take(slice(None, None, hours)) for name, one in result.forecasts.items()}
    assert replace(result, forecasts=thinned).cutoffs_per_week == expected


def test_centre_only_members_have_no_distribution(result: BacktestResult) -> None:
    assert [has_distribution(one) for one in result.forecasts.values()] == [True, False, True, True]


def test_report_counts_the_rows_of_the_input_that_were_refused(result):
    row = Quarantined(None, "{}", "no open time")
    assert report(result, [row])["refused_rows"]["rows"] == 1
    assert report(result)["refused_rows"] == {"rows": 0, "reasons": []}
