import pandas as pd
import pytest


def test_candles_export_and_import_give_the_same_candles(home, empty_home, tmp_path):
    file = tmp_path / "out.parquet"
    exported = home.json("candles", "export", "BTC-USD", str(file), "--start", "2019-05-30")
    assert (exported["candles"], exported["sources"]) == (48, ["replay:BTC-USD"])
    other = empty_home.json("candles", "import", "BTC-USD", str(file), "--source", "replay:X")
    assert (other["inserted"], other["quarantined"]) == (48, 0)


def test_candles_export_has_the_documented_columns(home, tmp_path):
    file = tmp_path / "out.parquet"
    assert home.run("candles", "export", "BTC-USD:1h", str(file)).exit_code == 0
    table = pd.read_parquet(file)
    assert list(table.columns) == ["timestamp", "open", "high", "low", "close", "volume"]
    assert str(table["timestamp"].dt.tz) == "UTC"


def test_candles_import_quarantines_bad_rows(home, empty_home, tmp_path):
    file = tmp_path / "out.parquet"
    home.run("candles", "export", "BTC-USD", str(file))
    table = pd.read_parquet(file)
    table.loc[5, "high"] = 1.0
    table.to_parquet(file)
    done = empty_home.json("candles", "import", "BTC-USD", str(file), "--source", "replay:X")
    assert (done["inserted"], done["quarantined"]) == (2399, 1)


def _import(home, file, *options):
    return home.run("candles", "import", "BTC-USD", str(file), "--source", "replay:X", *options)


def _csv(home, folder):
    home.run("candles", "export", "BTC-USD", str(folder / "out.parquet"))
    table = pd.read_parquet(folder / "out.parquet")
    path = folder / "out.csv"
    table.rename(columns={"timestamp": "Date"})[::-1].to_csv(path, index=False)
    return path


def test_candles_import_says_how_it_understood_the_file(home, empty_home, tmp_path):
    result = _import(empty_home, _csv(home, tmp_path))
    assert result.exit_code == 0, result.output
    assert "CSV with comma: 2,400 rows, newest first" in result.stdout
    assert "time: 'Date', ISO text, UTC, when a candle opens" in result.stdout
    assert "2,400 inserted, 0 revised, 0 unchanged, 0 quarantined" in result.stdout


def test_candles_import_shows_reasons_of_refused_rows(home, empty_home, tmp_path):
    path = _csv(home, tmp_path)
    path.write_text(path.read_text() + "NaT,1,1,1,1,1\nsoon,1,1,1,1,1\n,1,1,1,1,1\n")
    result = _import(empty_home, path)
    assert result.exit_code == 0, result.output
    assert "3 quarantined" in result.stdout
    assert "1 x no open time, e.g. no time" in result.stdout
    assert "2 x open time is not a time" in result.stdout


def test_candles_import_that_stores_nothing_fails_with_the_reasons(empty_home, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("time,open,high,low,close,volume\n0,1,1,1,1,1\n3600,1,1,1,1,1\n")
    result = _import(empty_home, path)
    assert result.exit_code == 65
    assert "none of its 2 rows is a candle: 2 x open time before 2009" in result.stderr
    assert not (empty_home.folder / "tidecast.db").exists()


@pytest.mark.parametrize("options", [[], ["--dry-run"]], ids=["import", "dry run"])
def test_candles_import_of_mostly_refused_rows_fails_with_the_reasons(
    home, empty_home, tmp_path, options
):
    path = _csv(home, tmp_path)
    table = pd.read_csv(path, dtype=str)
    table.loc[:1300, "close"] = "N/A"
    table.to_csv(path, index=False)
    result = _import(empty_home, path, *options)
    assert result.exit_code == 65
    assert "1,301 of 2,400 rows are refused" in result.stderr
    assert "1,301 x close is not a number" in result.stderr
    assert not (empty_home.folder / "tidecast.db").exists()


def test_candles_import_dry_run_counts_and_writes_nothing(home, empty_home, tmp_path):
    path = _csv(home, tmp_path)
    result = _import(empty_home, path, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "would be: 2,400 inserted" in result.stdout
    assert not (empty_home.folder / "tidecast.db").exists()


@pytest.mark.parametrize(("source", "revised"), [("replay:BTC-USD", 1), ("replay:X", 0)])
def test_candles_import_does_what_its_dry_run_says(home, tmp_path, source, revised):
    home.run("candles", "export", "BTC-USD", str(tmp_path / "out.parquet"))
    table = pd.read_parquet(tmp_path / "out.parquet")
    table.loc[7, "volume"] += 1
    table.loc[8, "high"] = 1.0
    table.loc[9, "timestamp"] -= pd.Timedelta(days=900)
    table.to_parquet(tmp_path / "changed.parquet")
    arguments = ["import", "BTC-USD", str(tmp_path / "changed.parquet"), "--source", source]
    said = home.json("candles", *arguments, "--dry-run")
    done = home.json("candles", *arguments)
    assert said | {"dry_run": False} == done
    counts = [done[name] for name in ("inserted", "revised", "unchanged", "quarantined")]
    assert counts == [1, revised, 2398 - revised, 1]


def test_candles_import_of_part_of_a_sources_candles_does_what_its_dry_run_says(
    home, empty_home, tmp_path
):
    path = _csv(home, tmp_path)
    table = pd.read_csv(path, dtype=str)
    table.loc[3, "close"] = "N/A"
    for source, rows in (("replay:A", table[:1000]), ("replay:B", table[1000:2000])):
        rows.to_csv(path, index=False)
        empty_home.json("candles", "import", "BTC-USD", str(path), "--source", source)
    table["volume"] = "7"
    table.to_csv(path, index=False)
    arguments = ["candles", "import", "BTC-USD", str(path), "--source", "replay:A"]
    said = empty_home.json(*arguments, "--dry-run")
    assert said | {"dry_run": False} == empty_home.json(*arguments)
    assert [said[name] for name in ("inserted", "revised", "unchanged")] == [400, 999, 1000]


def test_candles_import_of_closing_times_is_moved_on_request(home, empty_home, tmp_path):
    home.run("candles", "export", "BTC-USD", str(tmp_path / "out.parquet"))
    table = pd.read_parquet(tmp_path / "out.parquet")
    table["timestamp"] += pd.Timedelta("59min 59.999s")
    table.to_parquet(tmp_path / "closing.parquet")
    refused = _import(empty_home, tmp_path / "closing.parquet")
    assert refused.exit_code == 2
    assert "--stamped close" in refused.stderr
    done = _import(empty_home, tmp_path / "closing.parquet", "--stamped", "close")
    assert "2,400 inserted" in done.stdout


def test_candles_export_of_nothing_exits_66(empty_home, tmp_path):
    result = empty_home.run("candles", "export", "BTC-USD", str(tmp_path / "x.parquet"))
    assert result.exit_code == 66


def test_candles_import_refuses_a_malformed_source(home, tmp_path):
    result = home.run("candles", "import", "BTC-USD", str(tmp_path), "--source", "coinbase")
    assert result.exit_code == 2
    assert "EXCHANGE:PAIR" in result.stderr
