"""Whatever is in a file, it gives candles or an error that says what is wrong with it."""

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.candle_files import describe, summary
from tidecast.errors import CandlesRefused, InvalidParameter

cells = st.one_of(
    st.sampled_from(["", "NaN", "0", "-1", "1e400", "1,5", "2025-01-01", "03/04/2025", "NaT", "x"]),
    st.integers(-(10**30), 10**30).map(str),
    st.floats().map(str),
    st.datetimes().map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
headers = st.lists(
    st.sampled_from(
        ["time", "date", "open", "High", "low", "close", "Close", "volume", "Volume BTC"]
        + ["Volume USD", "symbol", "Ticker", "", "close_time", "timestamp"]
    ),
    min_size=5,
    max_size=12,
)
tables = st.tuples(headers, st.lists(st.lists(cells, min_size=4, max_size=13), max_size=12))
relaxed = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _read(read, content):
    try:
        file = read(content)
    except (InvalidParameter, CandlesRefused) as e:
        assert str(e)
        return
    facts = summary(file)
    assert describe(facts)
    assert np.isfinite(file.candles.to_numpy()).all()
    kinds = ("candles", "duplicates", "unfinished", "empty_rows")
    assert facts["rows"] == sum(facts[kind] for kind in kinds) + facts["refused"]["rows"]


@relaxed
@given(tables, st.sampled_from(",;\t|"))
def test_any_text_gives_candles_or_a_clear_error(read, table, delimiter):
    header, rows = table
    _read(read, "\n".join(delimiter.join(row) for row in (header, *rows)))


@relaxed
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"PAR1", b"ARROW1", b"PK\x03\x04", b"\x1f\x8b"])
)
def test_any_bytes_give_a_clear_error(read, content, start):
    _read(read, start + content)


@relaxed
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=12),
    st.sampled_from(["int64", "datetime64[ms]", "datetime64[us]", "datetime64[ns]"]),
)
def test_any_time_in_a_parquet_file_gives_candles_or_a_clear_error(read, values, dtype):
    times = np.array(values, np.int64).view(dtype)
    prices = {name: 1.0 for name in ("open", "high", "low", "close", "volume")}
    _read(read, pd.DataFrame({"time": times}).assign(**prices))
