import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.candles import empty_frame
from tidecast.data_quality import (
    DataQuality,
    age_problem,
    assess,
    candle_problems,
    clock_problem,
    jump_problem,
)

HOUR = timedelta(hours=1)
START = datetime(2025, 3, 1, tzinfo=UTC)
CLIENTS_PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
Candles = Callable[..., pd.DataFrame]


def make_candles(n: int = 200, without: tuple[int, ...] = ()) -> pd.DataFrame:
    """Hourly candles of a seeded walk; ``without`` are positions left out."""
    close = 100 * np.exp(np.random.default_rng(3).normal(0, 0.01, n).cumsum())
    index = pd.date_range(START, periods=n, freq=HOUR, name="open_time").as_unit("us")
    prices = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close}
    frame = pd.DataFrame({**prices, "volume": np.linspace(1, 2, n)}, index=index)
    return frame.drop(frame.index[list(without)])


def seen(candles: pd.DataFrame, late: timedelta = timedelta()) -> DataQuality:
    """What is found ``late`` after the newest candle closed."""
    return assess(candles, "1h", candles.index[-1].to_pydatetime() + HOUR + late, 2.0)


def kinds(quality: DataQuality, *, blocking: bool = False) -> list[str]:
    return [problem.kind for problem in quality.problems if problem.blocks or not blocking]


def test_whole_and_new_candles_have_no_problem() -> None:
    assert seen(make_candles()).problems == ()


def test_empty_store_is_named() -> None:
    quality = assess(empty_frame(), "1h", START, 2.0)

    assert not quality.healthy
    assert quality.reasons == ("no candles are stored: run the ingestion",)


@pytest.mark.parametrize(("hours", "expected"), [(2.0, []), (2.01, ["stale"]), (30.0, ["stale"])])
def test_candles_are_stale_after_the_set_age(hours: float, expected: list[str]) -> None:
    assert kinds(seen(make_candles(), late=hours * HOUR)) == expected


def test_stale_reason_is_the_same_while_it_lasts() -> None:
    end = START + 200 * HOUR

    problems = {age_problem(end, "1h", end + n * HOUR, 2.0) for n in (3, 9)}

    (problem,) = problems
    assert problem is not None
    assert problem.since == end
    assert (
        problem.reason == "stale: the newest candle ended 2025-03-09T08:00:00Z, over 2 candles ago"
    )


@pytest.mark.parametrize(("seconds", "behind"), [(-5, False), (60, False), (61, True)])
def test_clock_is_behind_when_a_candle_ends_over_a_minute_ahead(seconds: int, behind: bool) -> None:
    problem = clock_problem(START + timedelta(seconds=seconds), START)

    assert (problem is not None) == behind


def test_clock_behind_is_said_instead_of_an_age() -> None:
    problem = age_problem(START + 5 * HOUR, "1h", START, 2.0)

    assert problem is not None
    assert problem.reason == (
        "clock behind: the newest candle ends 2025-03-01T05:00:00Z, "
        "over 60 s after the time of this machine"
    )


@pytest.mark.parametrize(("repeats", "expected"), [(2, []), (3, ["frozen"]), (9, ["frozen"])])
def test_repeated_candles_are_frozen(repeats: int, expected: list[str]) -> None:
    candles = make_candles()
    candles.iloc[-repeats:] = candles.iloc[-repeats].to_numpy()

    assert kinds(seen(candles)) == expected


@pytest.mark.parametrize(("flat", "expected"), [(5, []), (6, ["frozen"])])
@pytest.mark.parametrize("volume", [0.0, 1.0])
def test_price_that_stands_still_is_frozen(flat: int, volume: float, expected: list[str]) -> None:
    candles = make_candles()
    candles.iloc[-flat:, :4] = 100.0
    candles.iloc[-flat:, 4] = volume if volume == 0 else [1.0 + i for i in range(flat)]

    assert [kind for kind in kinds(seen(candles)) if kind == "frozen"] == expected


def test_frozen_since_the_first_repeated_candle() -> None:
    candles = make_candles()
    candles.iloc[-5:] = candles.iloc[-5].to_numpy()

    (problem,) = seen(candles).problems

    assert problem.since == candles.index[-5].to_pydatetime()
    assert problem.reason == "frozen: 5 candles without a change from 2025-03-09T03:00:00Z"


def test_frozen_day_is_over_when_a_day_has_passed() -> None:
    candles = make_candles()
    candles.iloc[100:110] = candles.iloc[100].to_numpy()

    assert kinds(seen(candles)) == []


@pytest.mark.parametrize(("position", "expected"), [(-1, ["zero volume"]), (-24, ["zero volume"])])
def test_candle_without_volume_is_named(position: int, expected: list[str]) -> None:
    candles = make_candles()
    candles.iloc[position, 4] = 0.0

    assert kinds(seen(candles)) == expected


def test_zero_volume_counts_and_names_the_last() -> None:
    candles = make_candles()
    candles.iloc[[-7, -3], 4] = 0.0

    (reason,) = candle_problems(candles, "1h").reasons

    assert reason == "zero volume: 2 of the newest 24 candles, the last at 2025-03-09T05:00:00Z"


def test_zero_volume_does_not_block_a_judgement() -> None:
    candles = make_candles()
    candles.iloc[-1, 4] = 0.0

    assert seen(candles).healthy


@pytest.mark.parametrize("every", [1, 10], ids=["no volumes at all", "a thin market"])
def test_zero_volume_that_is_usual_is_not_named(every: int) -> None:
    candles = make_candles()
    candles.iloc[::every, 4] = 0.0

    assert kinds(seen(candles)) == []


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ((195,), ["gap"]),
        ((177,), ["gap"]),
        ((175,), []),
        (tuple(range(60, 70)), []),
        (tuple(range(60, 71)), ["gap"]),
    ],
    ids=["newest day", "a day ago", "before", "5 % of the window", "more than 5 %"],
)
def test_gap_blocks_a_judgement_when_recent_or_large(
    without: tuple[int, ...], expected: list[str]
) -> None:
    assert kinds(seen(make_candles(200, without)), blocking=True) == expected


def test_gaps_of_a_thin_market_block_no_judgement() -> None:
    thin = tuple(range(1, 199, 3))

    assert kinds(seen(make_candles(200, thin)), blocking=True) == []
    assert kinds(seen(make_candles(200, thin))) == ["gap"]


def test_gap_of_a_thin_market_blocks_a_judgement_when_it_is_longer_than_usual() -> None:
    thin = (*range(1, 185, 3), *range(190, 196))

    assert kinds(seen(make_candles(200, thin)), blocking=True) == ["gap"]


def test_gap_anywhere_in_the_window_is_counted_and_dated() -> None:
    (reason,) = candle_problems(make_candles(200, (20, 60, 61, 62)), "1h").reasons

    assert reason == (
        "gap: 4 of the newest 200 candles missing, "
        "the last from 2025-03-03T12:00:00Z to 2025-03-03T14:00:00Z"
    )


def test_jump_names_the_candles_that_are_held_back() -> None:
    problem = jump_problem([START, START + HOUR])

    assert problem is not None
    assert problem.reason == (
        "jump: 2 candles from 2025-03-01T00:00:00Z held back until the price is confirmed"
    )


def test_nothing_held_back_is_no_jump() -> None:
    assert jump_problem([]) is None


def test_every_problem_is_given_at_once() -> None:
    candles = make_candles(200, (190,))
    candles.iloc[-4:] = candles.iloc[-4].to_numpy()
    candles.iloc[-8, 4] = 0.0
    now = candles.index[-1].to_pydatetime() + 6 * HOUR

    quality = assess(candles, "1h", now, 2.0, held_back=[now])

    assert kinds(quality) == ["stale", "frozen", "zero volume", "gap", "jump"]


@given(
    without=st.sets(st.integers(1, 98), max_size=40),
    flat=st.integers(0, 30),
    zero=st.sets(st.integers(0, 57), max_size=10),
)
def test_every_reason_begins_with_its_kind_and_has_a_digit_and_a_time(
    without: set[int], flat: int, zero: set[int]
) -> None:
    candles = make_candles(100, tuple(without))
    candles.iloc[len(candles) - flat :, :4] = 100.0
    candles.iloc[sorted(zero), 4] = 0.0

    for problem in candle_problems(candles, "1h").problems:
        assert problem.reason.startswith(f"{problem.kind}: ")
        assert re.search(r"\d+ .*\d{4}-\d\d-\d\dT\d\d:00:00Z", problem.reason)


@given(without=st.sets(st.integers(1, 98), max_size=40))
def test_gap_counts_exactly_the_candles_that_are_missing(without: set[int]) -> None:
    problems = candle_problems(make_candles(100, tuple(without)), "1h").problems

    counts = [int(problem.reason.split()[1]) for problem in problems]

    assert counts == ([len(without)] if without else [])


def test_every_kind_of_reason_is_on_the_page_for_clients() -> None:
    page = CLIENTS_PAGE.read_text()

    for kind in ("stale", "clock behind", "frozen", "zero volume", "gap", "jump", "short history"):
        assert f"`{kind}: " in page
