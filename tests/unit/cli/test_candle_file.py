from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from cli.candle_file import read_candles, write_candles
from tidecast.errors import InvalidParameter

NOW = datetime(2025, 2, 1, tzinfo=UTC)


def _table(count=5):
    closes = 100 + np.arange(count, dtype=float)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-01-01", periods=count, freq="h", tz="UTC"),
            "open": closes,
            "high": closes + 1,
            "low": closes - 1,
            "close": closes,
            "volume": 1.0,
        }
    )


def test_candle_file_is_read_as_a_candle_frame(tmp_path):
    _table().astype({"timestamp": "datetime64[ms, UTC]"}).to_parquet(tmp_path / "c.parquet")
    good, refused = read_candles(tmp_path / "c.parquet", "1h", NOW)
    assert good.index.name == "open_time"
    assert good["close"].tolist() == [100, 101, 102, 103, 104]
    assert refused == []


def test_candle_file_with_a_bad_row_names_it(tmp_path):
    table = _table()
    table.loc[2, "low"] = -1
    table.to_parquet(tmp_path / "c.parquet")
    good, refused = read_candles(tmp_path / "c.parquet", "1h", NOW)
    assert len(good) == 4
    assert [one.reason for one in refused] == ["price not above zero"]


def test_candle_file_is_the_same_after_writing_and_reading(tmp_path):
    _table().to_parquet(tmp_path / "a.parquet")
    first, _ = read_candles(tmp_path / "a.parquet", "1h", NOW)
    write_candles(first, tmp_path / "b.parquet")
    second, _ = read_candles(tmp_path / "b.parquet", "1h", NOW)
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns=["low", "volume"]), "no column low, volume"),
        (
            lambda table: table.assign(timestamp=table["timestamp"].dt.tz_localize(None)),
            "time zone",
        ),
        (lambda table: table.assign(close="a lot"), "could not convert"),
    ],
)
def test_candle_file_of_another_shape_is_refused(tmp_path, change, message):
    change(_table()).to_parquet(tmp_path / "c.parquet")
    with pytest.raises(InvalidParameter, match=message):
        read_candles(tmp_path / "c.parquet", "1h", NOW)


def test_candle_file_that_is_no_parquet_or_not_there_is_refused(tmp_path):
    (tmp_path / "c.parquet").write_text("open,high\n")
    for path in (tmp_path / "c.parquet", tmp_path / "nothing.parquet"):
        with pytest.raises(InvalidParameter, match="cannot read"):
            read_candles(path, "1h", NOW)
