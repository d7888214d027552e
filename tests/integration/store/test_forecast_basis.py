"""A forecast is logged only if the ledger as of its issue has the candles it was made from."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from time import sleep

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidecast.candles import COLUMNS
from tidecast.errors import CandlesChanged
from tidecast.store import Store
from tidecast.store.columns import to_microseconds
from tidecast.timeframes import Market

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
SOURCE = "coinbase:BTC-USD"


@pytest.fixture
def candles(make_candles, now):
    """Sixty candles, the last ends now."""
    return make_candles(60, now - 60 * HOUR)


def test_forecast_of_the_candles_as_of_its_issue_is_logged(
    store, market, candles, make_forecast, now
):
    store.candles.upsert(market, candles, SOURCE, lambda: now)
    basis = store.candles.window(market, end=now, limit=50).basis
    assert store.forecasts.add(make_forecast(now), basis)


@pytest.mark.parametrize("kind", ["healed", "revised"])
def test_forecast_is_refused_when_a_candle_was_committed_between(
    store, market, candles, make_forecast, now, kind
):
    first = candles.drop(candles.index[-5]) if kind == "healed" else candles * 0.99
    store.candles.upsert(market, first, SOURCE, lambda: now - SECOND)
    basis = store.candles.window(market, end=now, limit=50).basis
    store.candles.upsert(market, candles, SOURCE, lambda: now - SECOND)
    with pytest.raises(CandlesChanged, match="compute it again"):
        store.forecasts.add(make_forecast(now), basis)
    assert store.forecasts.newest(market) is None


def test_forecast_is_logged_when_candles_came_after_its_issue(
    store, market, candles, make_forecast, now
):
    store.candles.upsert(market, candles.drop(candles.index[-5]), SOURCE, lambda: now)
    window = store.candles.window(market, end=now, limit=50)
    store.candles.upsert(market, candles * 1.01, SOURCE, lambda: now + SECOND)
    assert store.forecasts.add(make_forecast(now), window.basis)
    again = store.candles.window(market, end=now, limit=50, as_of=now)
    pd.testing.assert_frame_equal(again.candles, window.candles)


def test_older_candles_than_the_forecast_looked_at_do_not_matter(
    store, market, candles, make_forecast, now
):
    store.candles.upsert(market, candles[5:], SOURCE, lambda: now)
    basis = store.candles.window(market, end=now, limit=50).basis
    store.candles.upsert(market, candles[:5], SOURCE, lambda: now)
    assert store.forecasts.add(make_forecast(now), basis)


def test_older_candles_matter_to_a_forecast_that_wanted_more(
    store, market, candles, make_forecast, now
):
    store.candles.upsert(market, candles[5:], SOURCE, lambda: now)
    basis = store.candles.window(market, end=now, limit=57).basis
    store.candles.upsert(market, candles[:5], SOURCE, lambda: now)
    with pytest.raises(CandlesChanged):
        store.forecasts.add(make_forecast(now), basis)


def test_forecast_is_not_issued_before_its_candles_were_seen(
    store, market, candles, make_forecast, now
):
    store.candles.upsert(market, candles, SOURCE, lambda: now + SECOND)
    basis = store.candles.window(market, end=now, limit=50).basis
    issued_at = basis.issued_at(now)
    assert issued_at == now + SECOND
    assert store.forecasts.add(replace(make_forecast(now), issued_at=issued_at), basis)


def test_forecast_waits_for_a_writer_that_holds_the_market(
    postgres_url, market, candles, make_forecast, now
):
    with (
        Store(postgres_url) as store,
        psycopg.connect(postgres_url) as writer,
        ThreadPoolExecutor() as pool,
    ):
        store.candles.upsert(market, candles.drop(candles.index[-5]), SOURCE, lambda: now)
        basis = store.candles.window(market, end=now, limit=50).basis
        writer.execute("SELECT version FROM candle_versions FOR UPDATE")
        adding = pool.submit(store.forecasts.add, make_forecast(now), basis)
        sleep(0.2)
        assert not adding.done()
        writer.execute(
            "INSERT INTO candle_revisions VALUES (%s, %s, 1, 1, 1, 1, 1, 1, %s, %s)",
            (
                str(market),
                to_microseconds(candles.index[-5].to_pydatetime()),
                SOURCE,
                to_microseconds(now),
            ),
        )
        writer.commit()
        with pytest.raises(CandlesChanged):
            adding.result()


MARKETS = (Market(f"T{number}-USD", "1h") for number in count())
rows = st.dictionaries(st.integers(1, 8), st.sampled_from([1.0, 2.0]), min_size=1, max_size=6)
writes = st.lists(st.tuples(rows, st.integers(0, 3)), max_size=4)


@pytest.fixture(scope="module")
def shared(migrated_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("basis") / "tidecast.db"
    path.write_bytes(migrated_file.read_bytes())
    with Store(f"sqlite:///{path}") as store:
        yield store


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(before=writes, between=writes, later=writes, limit=st.integers(1, 9))
def test_logged_forecast_can_always_be_made_again_from_the_ledger(
    shared, make_forecast, now, before, between, later, limit
):
    market = next(MARKETS)

    def write(all_rows, start):
        for closes, seconds in all_rows:
            hours = sorted(closes, reverse=True)
            index = pd.DatetimeIndex([now - hour * HOUR for hour in hours], name="open_time")
            values = np.array([[closes[hour]] * len(COLUMNS) for hour in hours])
            frame = pd.DataFrame(values, index=index.as_unit("us"), columns=list(COLUMNS))
            seen_at = start + seconds * SECOND
            shared.candles.upsert(market, frame, SOURCE, lambda at=seen_at: at)

    write(before, now)
    window = shared.candles.window(market, end=now, limit=limit)
    write(between, now)
    issued_at = window.basis.issued_at(now + SECOND)
    logged = replace(make_forecast(now, market=market), issued_at=issued_at)
    try:
        shared.forecasts.add(logged, window.basis)
    except CandlesChanged:
        return
    write(later, issued_at + SECOND)
    again = shared.candles.window(market, end=now, limit=limit, as_of=issued_at)
    pd.testing.assert_frame_equal(again.candles, window.candles)
    assert again.basis == window.basis
