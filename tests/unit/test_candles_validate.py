import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.candles import (
    COLUMNS,
    ORDER_TOLERANCE,
    clamp_order,
    empty_frame,
    frame_from_rows,
    validate,
)
from tidecast.price_jumps import MAX_JUMP_RATIO

START = datetime(2025, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
COUNT = 6
LATER = START + 10 * HOUR


def _row(i, **changes):
    row = {"open": 100.0 + i, "high": 102.0 + i, "low": 99.0 + i, "close": 101.0 + i, "volume": 5.0}
    row |= changes
    return (row.pop("open_time", START + i * HOUR), *(row[name] for name in COLUMNS))


def _rows(**changes_of_row_3):
    return [_row(i, **(changes_of_row_3 if i == 3 else {})) for i in range(COUNT)]


def _validated(rows, server_time=LATER, last_good_close=None):
    return validate(frame_from_rows(rows), "1h", server_time, last_good_close)


def test_validate_keeps_good_rows_as_they_are():
    good, refused = _validated(_rows())
    pd.testing.assert_frame_equal(good, frame_from_rows(_rows()), check_freq=False)
    assert refused == []


def test_validate_accepts_an_answer_without_rows():
    good, refused = validate(empty_frame(), "1h", LATER)
    assert len(good) == 0
    assert refused == []


@given(st.permutations(_rows()), st.lists(st.sampled_from(_rows()), max_size=5))
def test_validate_gives_the_same_table_for_any_order_and_overlap(rows, again):
    good, refused = _validated([*rows, *again])
    pd.testing.assert_frame_equal(good, frame_from_rows(_rows()), check_freq=False)
    assert refused == []


def test_validate_ignores_the_order_of_the_columns():
    raw = frame_from_rows(_rows())[["volume", "close", "low", "open", "high"]]
    good, _ = validate(raw, "1h", LATER)
    assert list(good.columns) == list(COLUMNS)
    pd.testing.assert_frame_equal(good, frame_from_rows(_rows()), check_freq=False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"close": np.nan}, "not a finite number"),
        ({"volume": np.inf}, "not a finite number"),
        ({"low": -1.0}, "price not above zero"),
        ({"open": 0.0, "low": 0.0}, "price not above zero"),
        ({"volume": -0.1}, "volume below zero"),
        ({"high": 50.0}, "high below open, close or low"),
        ({"high": 103.0, "low": 102.5, "open": 102.6, "close": 102.0}, "low above open or close"),
        ({"open_time": START + 3.5 * HOUR}, "open time off the grid"),
        ({"open_time": START + 11 * HOUR}, "open time in the future"),
        (
            {"open": 1e5, "high": 1e5, "low": 1e5, "close": 1e5},
            "price more than 5 times away from the candles around it",
        ),
        ({"low": 0.01}, "price more than 5 times away from the candles around it"),
    ],
)
def test_validate_quarantines_a_bad_row_with_its_reason(changes, reason):
    good, refused = _validated(_rows(**changes))
    assert [one.reason for one in refused] == [reason]
    assert len(good) == COUNT - 1


def test_validate_names_a_missing_open_time():
    raw = frame_from_rows(_rows())
    raw.index = raw.index.where(raw.index != raw.index[3])
    good, (refused,) = validate(raw, "1h", LATER)
    assert (refused.open_time, refused.reason) == (None, "open time missing")
    assert len(good) == COUNT - 1


def test_validate_takes_three_candles_in_a_row_at_a_new_level_for_a_move():
    rows = [
        _row(i, open=1e5, high=1e5, low=1e5, close=1e5) if i >= 3 else _row(i) for i in range(6)
    ]
    assert _validated(rows, last_good_close=100.0)[1] == []
    assert len(_validated(rows[:-1], last_good_close=100.0)[1]) == 2


def test_validate_takes_two_candles_at_the_end_of_a_history_for_a_move():
    rows = [
        _row(i, open=1e5, high=1e5, low=1e5, close=1e5) if i >= 4 else _row(i) for i in range(6)
    ]
    assert validate(frame_from_rows(rows), "1h", LATER, 100.0, history=True)[1] == []


@given(
    st.floats(1e-9, 1e9),
    st.sampled_from(["open", "close"]),
    st.sampled_from([1, -1]),
    st.floats(0.0, 0.9),
)
def test_rounding_beyond_high_or_low_is_clamped(price, name, side, share):
    beyond = price * (1 + side * share * ORDER_TOLERANCE)
    flat = dict.fromkeys(("open", "high", "low", "close"), price)
    raw = frame_from_rows([_row(0, **(flat | {name: beyond}))])
    good, refused = validate(raw, "1h", LATER)
    assert refused == []
    assert good["high"].iloc[0] == max(price, beyond)
    assert good["low"].iloc[0] == min(price, beyond)
    assert clamp_order(raw)[1] == (beyond != price)


def test_noise_of_a_sum_is_no_reason_to_refuse():
    noise = {"open": 0.1 + 0.2, "high": 0.3, "low": 0.1, "close": 0.2}
    good, refused = _validated([_row(0, **noise)])
    assert (refused, good["high"].iloc[0]) == ([], 0.1 + 0.2)


def test_more_than_rounding_beyond_the_high_is_refused():
    (refused,) = _validated([_row(0, high=102.0, close=102.0 * (1 + 3 * ORDER_TOLERANCE))])[1]
    assert refused.reason == "high below open, close or low"


def test_clamp_order_gives_back_what_needs_no_change():
    raw = frame_from_rows([*_rows(), _row(6, high=50.0)])
    frame, changed = clamp_order(raw)
    assert (frame is raw, changed) == (True, 0)


def test_validate_quarantines_both_when_an_open_time_comes_twice_with_different_values():
    good, refused = _validated([*_rows(), _row(3, close=103.0)])
    assert len(good) == COUNT - 1
    assert {one.reason for one in refused} == {"open time twice with different values"}
    assert {one.open_time for one in refused} == {START + 3 * HOUR}


def test_validate_accepts_a_flat_candle_without_volume():
    flat = {"open": 103.0, "high": 103.0, "low": 103.0, "close": 103.0, "volume": 0.0}
    good, refused = _validated(_rows(**flat))
    assert (len(good), refused) == (COUNT, [])


def test_validate_keeps_what_was_refused_readable():
    _, (refused,) = _validated(_rows(volume=-0.1))
    assert refused.open_time == START + 3 * HOUR
    assert '"volume":-0.1' in refused.row


def test_validate_refuses_a_whole_page_far_from_the_last_good_close():
    good, refused = _validated(_rows(), last_good_close=100.0 / MAX_JUMP_RATIO / 1.1)
    assert (len(good), len(refused)) == (0, COUNT)


def test_validate_accepts_the_largest_real_hourly_move():
    crash = {"open": 103.0, "high": 103.0, "low": 35.0, "close": 36.0}
    good, refused = _validated(_rows(**crash))
    assert (len(good), refused) == (COUNT, [])


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("seconds", [0.0, 0.5, 59 * 60 + 59.9])
def test_validate_never_keeps_the_unfinished_candle(seconds, present):
    closed = _rows()
    server_time = START + COUNT * HOUR + timedelta(seconds=seconds)
    rows = [*closed, _row(COUNT)] if present else closed
    good, refused = _validated(rows, server_time)
    assert good.index[-1] == START + (COUNT - 1) * HOUR
    assert refused == []


@pytest.mark.parametrize("skew_minutes", [-10, 0, 10])
def test_validate_depends_on_the_sources_time_only(skew_minutes, monkeypatch):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60 * skew_minutes)
    good, _ = _validated([*_rows(), _row(COUNT)], START + COUNT * HOUR)
    assert len(good) == COUNT


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
def test_validate_gives_the_same_rows_on_a_dst_day_of_the_machine(zone, monkeypatch):
    expected, _ = _validated(_rows())
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    good, refused = _validated(_rows())
    monkeypatch.undo()
    time.tzset()
    pd.testing.assert_frame_equal(good, expected)
    assert refused == []


def test_validate_leaves_its_input_alone():
    raw = frame_from_rows([*_rows(close=-1.0)][::-1])
    before = raw.copy()
    validate(raw, "1h", LATER)
    pd.testing.assert_frame_equal(raw, before)
