import json

import pandas as pd
import pytest

ARGUMENTS = ["--market", "BTC-USD:1h", "--start", "2018-04-20", "--end", "2018-04-24"]
FAST = ["--train-days", "90", "--refit-every", "2d", "--horizon", "3", "--workers", "1"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_backtest_writes_report_forecasts_and_page(empty_home, sample_file, tmp_path):
    paths = [tmp_path / name for name in ("report.json", "forecasts.parquet", "report.html")]
    report, forecasts, page = map(str, paths)
    files = ["--report", report, "--forecasts", forecasts, "--html", page]
    candles = ["--candles", str(sample_file(2750))]
    result = empty_home.run("backtest", *ARGUMENTS, *FAST, *candles, *files)
    assert result.exit_code == 0, result.output
    contents = json.loads(paths[0].read_text())
    assert contents["cutoffs"] == 96
    assert {"ensemble", "random_walk", "garch"} <= set(contents["models"])
    frame = pd.read_parquet(paths[1])
    assert list(frame.columns[:5]) == ["cutoff", "step", "target_time", "mean", "q0.01"]
    assert (len(frame), frame.shape[1]) == (96 * 3, 4 + 99)
    assert "plotly" in paths[2].read_text().lower()
    assert "CRPS in basis points" in result.stdout
    assert not (empty_home.folder / "tidecast.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_backtest_of_a_csv_reports_its_refused_rows(empty_home, sample_file, tmp_path):
    table = pd.read_parquet(sample_file(2750)).astype({"close": object})
    table.loc[[3, 5], "close"] = "N/A"
    table.to_csv(tmp_path / "candles.csv", index=False)
    options = ["--candles", str(tmp_path / "candles.csv"), "--report", str(tmp_path / "r.json")]
    result = empty_home.run("backtest", *ARGUMENTS, "--end", "2018-04-21", *FAST, *options)
    assert result.exit_code == 0, result.output
    refused = json.loads((tmp_path / "r.json").read_text())["refused_rows"]
    assert refused["rows"] == 2
    assert refused["reasons"][0]["reason"] == "close is not a number"
    for output in (result.stdout, result.stderr):
        assert "2 x close is not a number" in output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--refit-every", "soon"], 2, "12h, 30d, 4w"),
        (["--train-days", "5"], 66, "needs"),
        (["--start", "2030-01-01", "--end", "2030-02-01"], 2, "no candle ends in"),
        (["--market", "BTCUSD"], 2, "malformed"),
    ],
)
def test_backtest_says_what_is_wrong(empty_home, sample_file, arguments, code, words):
    candles = ["--candles", str(sample_file(2750))]
    result = empty_home.run("backtest", *ARGUMENTS, *FAST, *candles, *arguments)
    assert result.exit_code == code
    assert words in result.stderr


def test_backtest_of_mostly_refused_rows_fails_with_the_reasons(empty_home, sample_file, tmp_path):
    table = pd.read_parquet(sample_file(100))
    table.loc[:59, "low"] = -1.0
    table.to_parquet(tmp_path / "candles.parquet")
    candles = ["--candles", str(tmp_path / "candles.parquet")]
    result = empty_home.run("backtest", *ARGUMENTS, *FAST, *candles)
    assert result.exit_code == 65
    assert "60 x price not above zero" in result.stderr
