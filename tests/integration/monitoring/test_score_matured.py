from typing import Any

import pytest

from monitoring.scoring import GIVE_UP_CANDLES, Scored, score_matured
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")


def score(world: Any) -> Scored:
    return score_matured(world.store, MARKET, world.now, world.now)


def test_score_matured_finds_nothing_in_an_empty_log(world: Any) -> None:
    assert score(world) == Scored()


def test_score_matured_leaves_a_forecast_without_matured_steps(world: Any) -> None:
    world.serve()

    assert score(world) == Scored()


def test_score_matured_scores_each_step_as_its_candle_arrives(world: Any) -> None:
    world.serve()

    added = []
    for _ in range(8):
        world.pass_hours(1, serving=False, monitoring=False)
        added.append(score(world).added)

    assert added == [1] * 6 + [0, 0]


def test_score_matured_takes_the_close_of_the_target_candle(world: Any) -> None:
    forecast = world.serve()
    world.pass_hours(3, serving=False, monitoring=False)
    score(world)

    scores = world.store.scores.read(MARKET)

    closes = world.candles.loc[forecast.cutoff :, "close"].iloc[:3]
    assert scores["actual"].tolist() == closes.tolist()
    assert scores["target_time"].tolist() == forecast.target_times[:3]


def test_score_matured_does_nothing_the_second_time(world: Any) -> None:
    world.pass_hours(5, monitoring=False)
    score(world)
    before = len(world.store.scores.read(MARKET))

    assert score(world) == Scored()
    assert len(world.store.scores.read(MARKET)) == before


def test_score_matured_catches_up_after_twelve_hours(world: Any) -> None:
    world.pass_hours(10, monitoring=False)
    score(world)
    world.pass_hours(12, monitoring=False)

    assert score(world).added == 12 * 6
    assert len(world.store.scores.read(MARKET)) == sum(min(age, 6) for age in range(22))


@pytest.mark.parametrize("versions", [("1",), ("1", "2")])
def test_score_matured_scores_every_version(world: Any, versions: tuple[str, ...]) -> None:
    for version in versions:
        world.version = version
        world.serve()
    world.pass_hours(2, serving=False, monitoring=False)

    assert score(world) == Scored(2 * len(versions), 0, 0, versions)


def test_score_matured_waits_for_a_missing_candle_and_scores_the_later_ones(world: Any) -> None:
    world.serve()
    world.pass_hours(1, arriving=False, serving=False, monitoring=False)
    missing = world.closed()
    world.pass_hours(3, monitoring=False)

    assert score(world) == Scored(added=3 + 3, waiting=1, versions=("1",))

    world.arrive(missing)
    assert score(world) == Scored(added=1, versions=("1",))


def test_score_matured_gives_up_a_candle_that_never_comes(world: Any) -> None:
    world.serve()
    world.pass_hours(1, arriving=False, serving=False, monitoring=False)
    world.pass_hours(GIVE_UP_CANDLES - 1, serving=False, monitoring=False)
    assert score(world) == Scored(added=5, waiting=1, versions=("1",))

    world.pass_hours(1, serving=False, monitoring=False)

    assert score(world) == Scored(given_up=1)
    assert score(world) == Scored()


def test_score_matured_works_in_batches(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.scoring.BATCH", 4)
    world.pass_hours(11, monitoring=False)

    assert score(world).added == sum(min(age, 6) for age in range(11))
