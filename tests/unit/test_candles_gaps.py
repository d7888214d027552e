from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tidecast.candles import Gap, gaps

START = datetime(2025, 10, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _index(hours):
    return pd.DatetimeIndex([START + hour * HOUR for hour in hours], tz="UTC").as_unit("us")


def test_gap_names_its_first_and_last_missing_candle():
    assert gaps(_index([*range(16), 21, 22]), "1h") == [
        Gap(START + 16 * HOUR, START + 20 * HOUR, 5)
    ]


def test_gaps_of_whole_empty_and_single_series_are_none():
    assert gaps(_index(range(5)), "1h") == []
    assert gaps(_index([]), "1h") == []
    assert gaps(_index([3]), "1h") == []


@given(st.sets(st.integers(0, 40), min_size=2))
def test_gaps_list_every_missing_candle_once(hours):
    index = _index(sorted(hours))
    missing = [gap.start + i * HOUR for gap in gaps(index, "1h") for i in range(gap.missing)]
    everything = {START + hour * HOUR for hour in range(min(hours), max(hours) + 1)}
    assert len(missing) == len(set(missing))
    assert set(missing) == everything - {START + hour * HOUR for hour in hours}
