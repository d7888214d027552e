"""The ledger against an oracle: plain lists of everything that was ever said about a candle."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidecast.candles import COLUMNS
from tidecast.store import Store
from tidecast.timeframes import Market

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKETS = (Market(f"T{number}-USD", "1h") for number in count())

prices = st.sampled_from([1.0, 2.0, 3.0])
upserts = st.tuples(
    st.sampled_from(["coinbase:BTC-USD", "kraken:XBTUSD"]),
    st.integers(0, 20),  # hour at which it is seen
    st.dictionaries(st.integers(0, 6), prices, max_size=5),  # price by hour
)


def candle_frame(closes):
    hours = sorted(closes)
    index = pd.DatetimeIndex([START + hour * HOUR for hour in hours], tz="UTC", name="open_time")
    rows = [[closes[hour]] * len(COLUMNS) for hour in hours]
    return pd.DataFrame(rows, index=index.as_unit("us"), columns=list(COLUMNS), dtype="float64")


def expected(history, as_of=None):
    closes = {}
    for hour, revisions in history.items():
        seen = [close for close, at in revisions if as_of is None or at <= as_of]
        if seen:
            closes[hour] = seen[-1]
    return candle_frame(closes)


def remember(history, sources, source, at, closes):
    """What the oracle says: returns inserted, revised, unchanged."""
    counts = [0, 0, 0]
    for hour, close in closes.items():
        revisions = history.setdefault(hour, [])
        if not revisions:
            sources[hour] = source
            revisions.append((close, max(at, START + (hour + 1) * HOUR)))
            counts[0] += 1
        elif sources[hour] == source and revisions[-1][0] != close:
            revisions.append((close, max(at, revisions[-1][1])))
            counts[1] += 1
        else:
            counts[2] += 1
    return counts


@pytest.fixture(scope="module")
def ledger(migrated_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("oracle") / "tidecast.db"
    path.write_bytes(migrated_file.read_bytes())
    with Store(f"sqlite:///{path}") as store:
        yield store.candles


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(upserts, max_size=8), limit=st.integers(0, 8))
def test_ledger_agrees_with_the_oracle(ledger, steps, limit):
    market, history, sources, changes = next(MARKETS), {}, {}, 0
    for source, hour, closes in steps:
        seen_at = START + hour * HOUR
        read_clock = iter([seen_at]).__next__
        done = ledger.upsert(market, candle_frame(closes), source, read_clock)
        counts = remember(history, sources, source, seen_at, closes)
        assert [done.inserted, done.revised, done.unchanged] == counts
        changes += counts[0] + counts[1]
    assert ledger.version(market) == changes
    assert ledger.count(market) == len(history)
    newest_first = [sources[hour] for hour in sorted(sources, reverse=True)]
    assert ledger.sources(market) == list(dict.fromkeys(newest_first))
    pd.testing.assert_frame_equal(ledger.read(market), expected(history))
    for hour in range(0, 21, 4):
        as_of = START + hour * HOUR
        wanted = expected(history, as_of)
        pd.testing.assert_frame_equal(ledger.read(market, as_of=as_of), wanted)
        found = ledger.read(market, as_of=as_of, limit=limit)
        pd.testing.assert_frame_equal(found, wanted.iloc[max(0, len(wanted) - limit) :])
