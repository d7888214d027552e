"""The jump check: what stays is believed, what returns is refused, and nothing blocks for ever."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidecast.price_jumps import (
    CONFIRMING_CANDLES,
    MAX_UNSETTLED_CANDLES,
    PriceEvidence,
    unconfirmed_rows,
)

SHORT = CONFIRMING_CANDLES - 1

far = st.one_of(st.floats(30, 1e6), st.floats(1e-6, 1 / 30))
calm = st.lists(st.floats(-0.3, 0.3), min_size=CONFIRMING_CANDLES, max_size=40)
both = pytest.mark.parametrize("history", [False, True], ids=["live", "history"])


def candles(closes):
    """Candles that open at their own price: what an exchange sends after a split."""
    closes = np.asarray(closes, dtype=float)
    index = pd.date_range("2025-01-01", periods=len(closes), freq="1h", tz="UTC")
    columns = {"open": closes, "high": closes * 1.01, "low": closes * 0.99, "close": closes}
    return pd.DataFrame(columns | {"volume": 1.0}, index=index)


def linked(closes):
    """Candles that open where the one before closed."""
    frame = candles(closes)
    frame["open"] = np.append(frame["close"].iloc[0], frame["close"].to_numpy()[:-1])
    frame["high"] = frame[["open", "close"]].max(axis=1) * 1.01
    frame["low"] = frame[["open", "close"]].min(axis=1) * 0.99
    return frame


def refused(frame, *known, **keywords):
    return np.flatnonzero(unconfirmed_rows(frame, *known, **keywords)).tolist()


def prices(log_steps, level=100.0):
    return level * np.exp(np.cumsum(log_steps))


@both
@settings(deadline=None)
@given(before=calm, after=calm, factor=far)
def test_level_that_stays_is_believed_as_soon_as_it_is_long_enough(before, after, factor, history):
    old = prices(before)
    new = prices(after, old[-1] * factor)
    for make in (candles, linked):
        assert refused(make([*old, *new]), old[0], history=history) == []


@both
@settings(deadline=None)
@given(
    before=calm,
    after=calm,
    factors=st.lists(far, min_size=1, max_size=SHORT),
)
def test_excursion_that_returns_is_refused_and_blocks_nothing(before, after, factors, history):
    old = prices(before)
    wrong = [old[-1] * factor for factor in factors]
    back = prices([0.0, *after], old[-1])
    expected = list(range(len(old), len(old) + len(wrong)))
    assert refused(candles([*old, *wrong, *back]), old[0], history=history) == expected


@settings(deadline=None)
@given(
    factors=st.lists(far, min_size=3, max_size=200),
    end=calm,
    known=st.none() | st.floats(1e-6, 1e6),
)
def test_no_past_makes_the_check_refuse_a_calm_market(factors, end, known):
    closes = [*np.exp(np.cumsum(np.log(factors)) % 30), *prices(end)]
    healthy = candles([100.0, *closes])
    evidence = PriceEvidence(stored=healthy["close"].iloc[:1])
    assert len(closes) not in refused(healthy, known, evidence)


@both
def test_market_that_never_settles_is_believed_in_the_end(history):
    wild = [100.0, *[1e4 * 8.0 ** (i % 2) for i in range(MAX_UNSETTLED_CANDLES)]]
    assert refused(candles(wild), 100.0, history=history) == []
    unsettled = list(range(1, MAX_UNSETTLED_CANDLES))
    assert refused(candles(wild[:-1]), 100.0, history=False) == unsettled


def test_new_level_is_held_back_until_enough_candles_agree():
    for count in range(1, CONFIRMING_CANDLES + 1):
        expected = list(range(2, 2 + count)) if count < CONFIRMING_CANDLES else []
        assert refused(candles([20.0, 20.0, *[0.02] * count]), 20.0) == expected


def test_page_that_contradicts_what_is_known_is_refused_however_long_it_is():
    assert refused(candles([1e5] * 300), 100.0) == list(range(300))


def test_page_that_contradicts_what_is_known_for_long_is_believed():
    assert refused(candles([1e5] * 3), 100.0, PriceEvidence(persistent=True)) == []


def test_page_that_agrees_with_a_stored_close_is_believed():
    frame = candles([1.0, 1.0, 1.0, 6000.0, 6000.0, 6000.0])
    stored = PriceEvidence(stored=frame["close"].iloc[1:2])
    assert refused(frame, 30.0, stored) == []


def test_wrong_page_that_meets_an_old_price_by_chance_is_refused():
    stored = candles([100.0, 100.0, 1.0, 1.0, 1.0])["close"]
    wrong = candles([1e4, 1e4, 100.0, 100.0, 100.0, 100.0])
    assert refused(wrong, 1e6, PriceEvidence(stored=stored)) == [0, 1, 2, 3, 4, 5]
    assert refused(wrong[2:], 100.0, PriceEvidence(stored=stored[2:])) == [0, 1, 2, 3]


def test_candle_that_another_source_confirms_is_believed_at_once():
    frame = candles([100.0, 100.0, 1.0])
    confirmed = frozenset([frame.index[2].to_pydatetime()])
    assert refused(frame, 100.0, PriceEvidence(confirmed=confirmed)) == []


@both
def test_steps_of_a_staircase_are_believed_once_its_end_is(history):
    climb = [1.0, 6.5, 45.0, 300.0, 310.0, 290.0]
    assert refused(candles(climb), 1.0, history=history) == []


@both
@pytest.mark.parametrize(
    "closes",
    [
        [0.01, 0.15, 0.3, 0.25, 0.2, 0.2],
        [80.0, 65.0, 31.0, 17.6, 1.07, 3.5e-4, 1e-4, 1.2e-4, 1.2e-4],
        [1.0, 2.0, 4.0, 8.0, 12.0, 14.0, 15.0],
        [20.0, 20.0, 0.02, 0.02, 0.02],
        [5.0],
    ],
    ids=["listing", "collapse", "growth", "redenomination", "single"],
)
def test_market_that_really_moved_is_kept_whole(closes, history):
    assert refused(linked(closes), history=history) == []


@both
def test_wrong_first_row_is_refused_and_the_right_ones_are_kept(history):
    assert refused(candles([9e6, 6e4, 6e4, 6e4]), history=history) == [0]


def test_short_history_is_split_into_two_levels_of_two():
    assert refused(candles([20.0, 20.0, 0.02, 0.02]), history=True) == []


def test_wick_far_away_is_refused_live_and_kept_in_a_history():
    frame = candles([6e4] * 5)
    frame.iloc[2, frame.columns.get_loc("low")] = 8200.0
    assert refused(frame, 6e4) == [2]
    assert refused(frame, history=True) == []


def test_wrong_open_is_refused_in_a_history():
    frame = candles([6e4] * 5)
    frame.iloc[2, [0, 1]] = 6e7
    assert refused(frame, history=True) == [2]


def test_prices_near_the_largest_number_are_no_error():
    assert refused(candles([1e308, 1e308, 1e308, 1e-308])) == [3]


walks = st.lists(st.floats(-0.02, 0.02), min_size=CONFIRMING_CANDLES, max_size=40)


@settings(deadline=None)
@given(walks, walks, walks, far)
def test_wrong_level_that_is_left_again_is_refused_in_a_history(before, wrong, after, factor):
    wrong = wrong[: min(len(before), len(after))]
    closes = prices([*before, *wrong, *after])
    closes[len(before) : len(before) + len(wrong)] *= factor
    rows = list(range(len(before), len(before) + len(wrong)))
    assert refused(candles(closes), history=True) == rows


@pytest.mark.parametrize("pages", [(1, 3), (2, 4, 6), (1, 3, 5, 7)])
def test_every_wrong_page_between_right_ones_is_refused(pages):
    closes = np.full(900, 100.0)
    rows = [row for page in pages for row in range(page * 100, page * 100 + 100)]
    closes[rows] *= 1000
    assert refused(candles(closes), history=True) == rows


def test_wrong_page_with_wrong_rows_of_its_own_is_refused():
    closes = np.full(300, 100.0)
    closes[100:160] *= 1000
    closes[120] = 100.5
    closes[130:134] *= 1000
    assert refused(candles(closes), history=True) == [*range(100, 120), *range(121, 160)]


def test_level_that_lasts_longer_than_the_one_before_is_believed_in_a_history():
    closes = [100.0] * 5 + [1.0] * 6 + [100.0] * 40
    assert refused(candles(closes), history=True) == []


def test_level_that_is_left_for_another_one_is_believed_in_a_history():
    closes = [100.0] * 50 + [1.0] * 4 + [10.0] * 50
    assert refused(candles(closes), history=True) == []


def test_returned_level_that_another_source_confirms_is_believed_in_a_history():
    frame = candles([100.0] * 10 + [1.0] * 4 + [100.0] * 10)
    confirmed = frozenset([frame.index[11].to_pydatetime()])
    assert refused(frame, None, PriceEvidence(confirmed=confirmed), history=True) == []


def test_source_that_changes_its_unit_all_the_time_is_refused_in_a_history():
    closes = np.full(3000, 100.0)
    rows = [row for row in range(100, 2900) if row // 4 % 2]
    closes[rows] *= 1000
    assert refused(candles(closes), history=True) == rows
