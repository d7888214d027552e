import gzip
import io
import zipfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cli.candle_files import write_candles


def _feather(table):
    buffer = io.BytesIO()
    table.to_feather(buffer)
    return buffer.getvalue()


def _zipped(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("BTCUSDT-1h.csv", text)
        archive.writestr("__MACOSX/._BTCUSDT-1h.csv", "x")
    return buffer.getvalue()


def _csv(table, **options):
    return table.to_csv(index=False, **options)


def _with_time(table, times):
    return table.assign(timestamp=times)


def _yfinance(table):
    columns = pd.MultiIndex.from_product(
        [["Open", "High", "Low", "Close", "Volume"], ["BTC-USD"]], names=["Price", "Ticker"]
    )
    values = table.drop(columns="timestamp").assign(volume=table["volume"] * table["close"])
    index = pd.DatetimeIndex(table["timestamp"], name="Date")
    return pd.DataFrame(values.to_numpy(), index=index, columns=columns)


FORMS = {
    "Parquet": lambda table: table,
    "Feather": _feather,
    "CSV": _csv,
    "CSV, gzipped": lambda table: gzip.compress(_csv(table).encode()),
    "CSV, zipped": lambda table: _zipped(_csv(table)),
    "CSV with BOM": lambda table: _csv(table).encode("utf-8-sig"),
    "CSV in UTF-16": lambda table: _csv(table).encode("utf-16"),
    "CSV with tabs": lambda table: _csv(table, sep="\t"),
    "CSV with bars and CRLF": lambda table: _csv(table, sep="|", lineterminator="\r\n"),
    "CSV with comments": lambda table: f"# hourly, BTC\n\n#{_csv(table)}# end\n",
    "CSV with a note below": lambda table: _csv(table) + "not financial advice\n",
    "time as index": lambda table: table.set_index("timestamp"),
    "index without a name": lambda table: table.set_index("timestamp").rename_axis(None),
    "index and column": lambda table: table.set_index("timestamp", drop=False),
    "filtered frame": lambda table: table.set_index(pd.Index(range(5, 29))),
    "upper case": lambda table: table.rename(columns=str.upper),
    "Open Time": lambda table: table.rename(columns={"timestamp": "Open Time"}),
    "New York": lambda table: _with_time(
        table, table["timestamp"].dt.tz_convert("America/New_York")
    ),
    "naive": lambda table: _with_time(table, table["timestamp"].dt.tz_localize(None)),
    "nanoseconds": lambda table: table.astype({"timestamp": "datetime64[ns, UTC]"}),
    "integers in ms": lambda table: _with_time(
        table, table["timestamp"].astype("datetime64[ms, UTC]").astype("int64")
    ),
    "floats in s": lambda table: _with_time(
        table, table["timestamp"].astype("datetime64[s, UTC]").astype("int64").astype(float)
    ),
    "text with offsets": lambda table: _with_time(
        table, table["timestamp"].dt.tz_convert("Asia/Tokyo").map(pd.Timestamp.isoformat)
    ),
    "text with UTC": lambda table: _with_time(
        table, table["timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S UTC")
    ),
    "newest first": lambda table: table[::-1],
    "exact duplicates": lambda table: pd.concat([table, table[5:9]]),
    "text": lambda table: table.astype({name: str for name in table.columns[1:]}),
    "decimals": lambda table: table.assign(
        **{name: table[name].map(lambda value: Decimal(repr(value))) for name in table.columns[1:]}
    ),
    "nullable": lambda table: table.astype({name: "Float64" for name in table.columns[1:]}),
    "yfinance columns": _yfinance,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_form_gives_the_same_candles(read, table, form):
    file = read(form(table))
    expected = table.set_index("timestamp")
    assert file.candles.index.equals(pd.DatetimeIndex(expected.index).as_unit("us"))
    np.testing.assert_allclose(file.candles.to_numpy(), expected.to_numpy(), rtol=1e-15)
    assert file.refused == []


def test_written_candles_are_read_back_bit_for_bit(read, table, tmp_path):
    first = read(table).candles
    write_candles(first, tmp_path / "written.parquet")
    second = read((tmp_path / "written.parquet").read_bytes()).candles
    pd.testing.assert_frame_equal(first, second)


def test_prices_written_as_text_are_rounded_correctly(read, table):
    table["close"] = table["open"] + 1 / 3
    pd.testing.assert_series_equal(read(_csv(table)).candles["close"], read(table).candles["close"])


def test_small_prices_written_with_an_exponent_are_read(read):
    file = read("time,open,high,low,close\n2025-01-01,1.2e-8,1.3E-8,.000000011,1.25e-08\n")
    assert file.candles["close"].tolist() == [1.25e-8]
