import pandas as pd


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


def test_candles_export_of_nothing_exits_66(empty_home, tmp_path):
    result = empty_home.run("candles", "export", "BTC-USD", str(tmp_path / "x.parquet"))
    assert result.exit_code == 66


def test_candles_import_refuses_a_malformed_source(home, tmp_path):
    result = home.run("candles", "import", "BTC-USD", str(tmp_path), "--source", "coinbase")
    assert result.exit_code == 2
    assert "EXCHANGE:PAIR" in result.stderr
