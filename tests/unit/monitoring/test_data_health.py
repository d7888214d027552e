from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd
import pytest

from monitoring.health import data_health
from tidecast.candles import empty_frame

HOUR = timedelta(hours=1)
Candles = Callable[..., pd.DataFrame]


def kinds(candles: pd.DataFrame, late: timedelta = timedelta()) -> list[str]:
    """Kinds of the problems seen ``late`` after the newest candle closed."""
    now = candles.index[-1].to_pydatetime() + HOUR + late
    return [problem.kind for problem in data_health(candles, "1h", now, 2.0).problems]


def test_data_health_is_healthy_when_candles_are_whole_and_new(make_candles: Candles) -> None:
    assert kinds(make_candles()) == []


def test_data_health_names_an_empty_store(start: datetime) -> None:
    health = data_health(empty_frame(), "1h", start, 2.0)

    assert not health.healthy
    assert health.reasons == ("no candles are stored: run the ingestion",)


@pytest.mark.parametrize(("hours", "expected"), [(2.0, []), (2.01, ["stale"]), (30.0, ["stale"])])
def test_data_health_is_stale_after_the_set_age(
    make_candles: Candles, hours: float, expected: list[str]
) -> None:
    assert kinds(make_candles(), late=hours * HOUR) == expected


def test_data_health_stale_since_the_end_of_the_newest_candle(make_candles: Candles) -> None:
    candles = make_candles()
    end = candles.index[-1].to_pydatetime() + HOUR

    seen = [data_health(candles, "1h", end + n * HOUR, 2.0).problems[0].since for n in (3, 9)]

    assert seen == [end, end]


@pytest.mark.parametrize(("repeats", "expected"), [(2, []), (3, ["frozen"]), (9, ["frozen"])])
def test_data_health_is_frozen_when_a_candle_repeats(
    make_candles: Candles, repeats: int, expected: list[str]
) -> None:
    candles = make_candles()
    candles.iloc[-repeats:] = candles.iloc[-repeats].to_numpy()

    assert kinds(candles) == expected


@pytest.mark.parametrize(("flat", "expected"), [(5, []), (6, ["frozen"])])
@pytest.mark.parametrize("volume", [0.0, 1.0])
def test_data_health_is_frozen_when_the_price_stands_still(
    make_candles: Candles, flat: int, volume: float, expected: list[str]
) -> None:
    candles = make_candles()
    candles.iloc[-flat:, :4] = 100.0
    candles.iloc[-flat:, 4] = volume if volume == 0 else [1.0 + i for i in range(flat)]

    assert kinds(candles) == expected


def test_data_health_frozen_since_the_first_repeated_candle(make_candles: Candles) -> None:
    candles = make_candles()
    candles.iloc[-5:] = candles.iloc[-5].to_numpy()

    health = data_health(candles, "1h", candles.index[-1].to_pydatetime() + HOUR, 2.0)

    assert health.problems[0].since == candles.index[-5].to_pydatetime()


def test_data_health_forgets_a_frozen_day_when_it_is_over(make_candles: Candles) -> None:
    candles = make_candles()
    candles.iloc[100:110] = candles.iloc[100].to_numpy()

    assert kinds(candles) == []


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
def test_data_health_has_a_gap_when_recent_or_large(
    make_candles: Candles, without: tuple[int, ...], expected: list[str]
) -> None:
    assert kinds(make_candles(200, without)) == expected


def test_data_health_gives_every_reason_at_once(make_candles: Candles) -> None:
    candles = make_candles(200, (190,))
    candles.iloc[-4:] = candles.iloc[-4].to_numpy()

    assert kinds(candles, late=5 * HOUR) == ["stale", "frozen", "gap"]
