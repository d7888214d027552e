import io
import json
import os
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.candle_files import describe, read_candles, summary
from tests.unit.cli.candle_files.conftest import NOW
from tidecast.errors import CandlesRefused, InvalidParameter

HEADER = "time,open,high,low,close,volume\n"


def _excel():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return buffer.getvalue()


def _two_files():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "y")
    return buffer.getvalue()


def _parquet_with_two_closes():
    buffer = io.BytesIO()
    names = ["time", "open", "high", "low", "close", "close"]
    pq.write_table(pa.table([pa.array([1.0])] * 6, names=names), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PAR1 and then nothing", "cannot read it"),
        (b"ARROW1 and then nothing", "cannot read it"),
        (b"\x1f\x8b and then nothing", "cannot read it"),
        (b"PK\x03\x04 and then nothing", "neither Parquet, Feather nor readable text"),
        (np.random.default_rng(1).bytes(5000), "neither Parquet, Feather nor"),
        (b"a,b,c,d,e,f\0\n" * 9, "neither Parquet, Feather nor text"),
        (_excel(), "an Excel workbook"),
        (_two_files(), "2 files in the archive: a.csv, b.csv"),
        (b"[[1735689600000,1,1,1,1,1]]", "JSON"),
        (b"<!doctype html><html></html>", "HTML"),
        (b"a lot of words\nand no table\n", "no delimiter gives at least 5 columns"),
        (
            b"time;open;high;low;close\n" + b"2025-01-01;1,5;1,5;1,5;1,5\n" * 3,
            "a number with a comma: '1,5'",
        ),
        (b'Date,Open,High,Low,Close\n2025-01-01,"93,500","9","9","9"\n', "'93,500'"),
        (HEADER.encode() + b"2025-01-01,1,1,1,1,1\n" * 3 + b"1,2,3,4,5,6,7\n", "saw 7"),
        (_parquet_with_two_closes(), "cannot read it"),
        (b"time,open,high,low,volume\n2025-01-01,1,1,1,1\n", "no column for close"),
        (b"x,open,high,low,close\n2025-01-01,1,1,1,1\n", "no column for the open time"),
    ],
)
def test_file_that_is_no_table_of_candles_is_refused(read, content, message):
    with pytest.raises(InvalidParameter) as caught:
        read(content)
    assert message in str(caught.value)


def test_folder_pipe_and_nothing_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing"):
        with pytest.raises(InvalidParameter, match="not a regular file|no such file"):
            read_candles(path, "1h", NOW)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER, "it has no rows"),
        (HEADER + "2025-01-01,,,,,\n", "none of its 1 rows is a finished candle with prices"),
        (HEADER + "2025-12-31 23:30,1,1,1,1,1\n", "0:30:00 after the grid"),
        (HEADER + "0,1,1,1,1,1\n3600,1,1,1,1,1\n", "2 x open time before 2009"),
        (HEADER + "2025-01-01,1,1,-1,1,1\n", "1 x price not above zero"),
        (HEADER + f"{10**400},1,1,1,1,1\n", "1 x open time outside the years 1 to 9999"),
    ],
)
def test_file_without_a_candle_says_why(read, content, message):
    with pytest.raises((CandlesRefused, InvalidParameter), match=message):
        read(content)


@pytest.mark.parametrize(("refused", "stored"), [(12, True), (13, False)])
def test_file_is_refused_when_more_than_half_of_its_rows_are(read, table, refused, stored):
    table.loc[: refused - 2, "low"] = -1
    table.loc[refused - 1, "timestamp"] += pd.Timedelta("90min")
    content = pd.concat([table, table[20:]])
    if stored:
        assert len(read(content).refused) == refused
        return
    reasons = (
        "13 of 24 rows are refused, more than 50%: 12 x price not above zero.*1 x open time off"
    )
    with pytest.raises(CandlesRefused, match=reasons):
        read(content)


def test_days_of_a_zone_with_summer_time_are_refused_as_a_file(read, table):
    days = pd.date_range("2025-03-21", periods=24, tz="Europe/London")
    with pytest.raises(CandlesRefused, match="14 x open time off the grid"):
        read(table.assign(timestamp=days), "1d")


def test_file_of_the_hour_that_is_not_over_has_no_candle(read):
    with pytest.raises(CandlesRefused, match="finished candle"):
        read(HEADER + "2026-01-01,1,1,1,1,1\n")


def test_refused_rows_are_counted_per_reason_with_an_example(read, table):
    table = table.astype({"close": object})
    table.loc[[3, 4], "close"] = "N/A"
    table.loc[5, "low"] = -1
    table.loc[6, "timestamp"] = pd.NaT
    facts = summary(read(table.to_csv(index=False)))
    assert facts["refused"]["rows"] == 4
    assert [(reason["rows"], reason["reason"]) for reason in facts["refused"]["reasons"]] == [
        (2, "close is not a number"),
        (1, "no open time"),
        (1, "price not above zero"),
    ]
    assert '"close": "N/A"' in facts["refused"]["reasons"][0]["example"]
    assert any("2 x close is not a number" in line for line in describe(facts))


def test_header_between_joined_files_is_the_only_row_refused(read, table):
    table["timestamp"] = table["timestamp"].astype("datetime64[ms, UTC]").astype("int64")
    file = read(table[:12].to_csv(index=False) + table[12:].to_csv(index=False))
    assert len(file.candles) == 24
    assert [row.reason for row in file.refused] == ["open time is not a time"]


def test_refused_row_is_kept_as_it_is_in_the_file(read, table):
    table.loc[6, "timestamp"] = pd.NaT
    (row,) = read(table).refused
    assert row.open_time is None
    assert json.loads(row.row) | {"volume": ""} == {
        "timestamp": None,
        "open": "102.22",
        "high": "104.22",
        "low": "99.22",
        "close": "103.22",
        "volume": "",
    }


def test_every_row_of_a_file_is_accounted_for(read, table):
    table.loc[5, "low"] = -1
    text = pd.concat([table, table[2:4]]).to_csv(index=False)
    text += "2025-06-01,,,,,\n2026-01-01 00:00:00+00:00,1,1,1,1,1\n"
    facts = summary(read(text))
    kinds = ("candles", "duplicates", "unfinished", "empty_rows")
    assert [facts[kind] for kind in kinds] == [23, 2, 1, 1]
    assert facts["rows"] == sum(facts[kind] for kind in kinds) + facts["refused"]["rows"]


def test_summary_says_what_was_understood(read, table):
    times = table["timestamp"].astype("datetime64[ms, UTC]").astype("int64")
    text = "# from a site\n" + table.assign(timestamp=times)[::-1].to_csv(index=False, sep=";")
    facts = summary(read(text))
    assert (facts["format"], facts["skipped_lines"]) == ("CSV with semicolon", 1)
    assert (facts["order"], facts["spacing"]) == ("newest first", "1h")
    assert facts["time"] == {
        "column": "'timestamp'",
        "read_as": "numbers in ms",
        "zone": "UTC",
        "stamped": "open",
    }
    assert facts["volume"] == "'volume', base coin"
    assert (facts["first"], facts["last"]) == ("2025-01-01T00:00:00Z", "2025-01-01T23:00:00Z")


def test_volume_that_no_market_has_is_doubted(read, table):
    table["volume"] = 3e14
    assert "is it in quote currency?" in summary(read(table))["volume"]
