"""A feature at a cutoff depends on its window and on nothing else, to the last bit."""

import time

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.candles import frame_from_rows
from tidecast.errors import TooFewCandles
from tidecast.features.grid import Grid
from tidecast.features.matrix import build_matrix, needed_candles
from tidecast.timeframes import interval_length

AFTER = 12
"""Candles after the newest cutoff whose features are compared."""


def _features(candles, cutoffs, interval):
    grid = Grid.of(candles, interval)
    return build_matrix(grid, grid.positions(cutoffs, 1))


def _newest_needed(candles, interval):
    """The newest rows that hold as many active candles as a feature needs."""
    active = Grid.of(candles, interval).active
    first = candles.index[0] + active.positions[-needed_candles(interval)] * interval_length(
        interval
    )
    return candles[candles.index >= first]


def _last_cutoffs(candles, interval):
    return pd.DatetimeIndex(candles.index[-AFTER - 3 : -AFTER] + interval_length(interval))


FUTURES = {
    "crash": lambda later: later * 1e-6,
    "absurd": lambda later: later * 1e300,
    "missing": lambda later: later.iloc[:0],
    "no trade": lambda later: later.assign(open=1.0, high=1.0, low=1.0, close=1.0, volume=0.0),
    "not a number": lambda later: later * np.nan,
    "backwards": lambda later: later.iloc[::-1].set_axis(later.index),
    "closes alone": lambda later: later.assign(close=later["low"]),
}


@pytest.mark.parametrize("future", FUTURES)
def test_features_do_not_see_the_future(future, interval, market):
    candles = market(interval)
    cutoffs = _last_cutoffs(candles, interval)
    past, later = candles[candles.index < cutoffs[-1]], candles[candles.index >= cutoffs[-1]]
    assert len(later) == AFTER
    other = pd.concat([past, FUTURES[future](later)])
    expected, got = (_features(frame, cutoffs, interval) for frame in (candles, other))
    for column, name in enumerate(expected.names):
        assert got.values[:, column].tobytes() == expected.values[:, column].tobytes(), name


def test_features_have_the_same_bits_in_a_frame_just_long_enough(interval, market):
    candles = market(interval)
    cutoffs = pd.DatetimeIndex(candles.index[-1:] + interval_length(interval))
    newest = _newest_needed(candles, interval)
    assert needed_candles(interval) < len(newest) < len(candles)
    expected = _features(candles, cutoffs, interval).values
    assert np.isfinite(expected).all()
    assert _features(newest, cutoffs, interval).values.tobytes() == expected.tobytes()


def test_features_are_refused_when_the_frame_is_one_candle_too_short(interval):
    needed = needed_candles(interval)
    candles = synthetic_candles(needed - 1, interval)
    with pytest.raises(TooFewCandles) as caught:
        Grid.of(candles, interval).active.require(np.array([len(candles) - 1]), needed)
    assert (caught.value.needed, caught.value.have) == (needed, needed - 1)


def test_features_are_finite_with_exactly_the_needed_candles(interval):
    candles = synthetic_candles(needed_candles(interval), interval)
    grid = Grid.of(candles, interval)
    values = build_matrix(grid, grid.positions(None, 1)).values
    assert np.isfinite(values).all()


def test_features_of_many_cutoffs_have_the_bits_of_each_alone(market):
    candles = market("1h")
    cutoffs = _last_cutoffs(candles, "1h")
    together = _features(candles, cutoffs, "1h").values
    alone = [_features(candles, cutoffs[i : i + 1], "1h").values[0] for i in range(len(cutoffs))]
    np.testing.assert_array_equal(together, alone)


def test_features_do_not_depend_on_how_the_frame_lies_in_memory(market):
    candles = market("1h")
    cutoffs = _last_cutoffs(candles, "1h")
    rows = frame_from_rows([tuple(row) for row in candles.itertuples()])
    expected = _features(candles, cutoffs, "1h").values
    assert _features(rows, cutoffs, "1h").values.tobytes() == expected.tobytes()


def test_features_do_not_depend_on_the_time_zone_of_the_machine(market, monkeypatch):
    candles = market("1h")
    cutoffs = _last_cutoffs(candles, "1h")
    expected = _features(candles, cutoffs, "1h")
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        got = _features(candles, cutoffs, "1h")
    time.tzset()
    assert got.values.tobytes() == expected.values.tobytes()
    np.testing.assert_array_equal(got.hour, expected.hour)


def test_features_leave_the_candles_alone(market):
    candles = market("1h")
    before = candles.copy(deep=True)
    _features(candles, _last_cutoffs(candles, "1h"), "1h")
    pd.testing.assert_frame_equal(candles, before)


@pytest.mark.parametrize("volume", [0.0, 5.0])
def test_features_are_those_before_the_price_stood_still(volume, interval, market):
    candles = market(interval)
    still = candles.iloc[-1].to_dict() | {
        **dict.fromkeys(("open", "high", "low"), candles["close"].iloc[-1]),
        "volume": volume,
    }
    length = interval_length(interval)
    later = pd.date_range(candles.index[-1] + length, periods=24, freq=length).as_unit("us")
    after = pd.concat([candles, pd.DataFrame([still] * 24, index=later.rename("open_time"))])
    before, got = (_features(frame, None, interval).values for frame in (candles, after))
    assert got.tobytes() == before.tobytes()


def test_features_are_finite_across_a_day_without_trades():
    count = needed_candles("1h")
    candles = with_gaps(synthetic_candles(count + 33), [(count - 24, 33)])
    grid = Grid.of(candles, "1h")
    assert np.isfinite(build_matrix(grid, [len(grid) - 1]).values).all()


def test_features_do_not_depend_on_the_unit_of_price(interval):
    candles = synthetic_candles(needed_candles(interval), interval)
    dear, cheap = candles.copy(), candles.copy()
    cheap[["open", "high", "low", "close"]] /= 2.0**20
    rows = [len(candles) - 1]
    expected, got = (build_matrix(Grid.of(frame, interval), rows).values for frame in (dear, cheap))
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
