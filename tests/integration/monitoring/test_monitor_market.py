from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from prometheus_client import REGISTRY

from monitoring.champion import Champion
from monitoring.memory import note_name, recall
from monitoring.recalibration import recalibrate
from monitoring.round import monitor_market
from tidecast.errors import ArtefactInvalid, RegistryUnavailable
from tidecast.forecasts import Forecast
from tidecast.models.calibration import Calibration
from tidecast.store import Store
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
HOUR = timedelta(hours=1)
NOTICED_WITHIN = 16
"""Candles after a broken champion's first forecast: the minimum sample of 12, two rounds in a row,
and a little noise."""

Broken = dict[str, Callable[[Forecast], Forecast]]


def figures(world: Any) -> dict[str, Any]:
    note = world.store.notes.get(note_name(MARKET))
    assert note is not None
    return dict(note["figures"])


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"symbol": "BTC-USD", "interval": "1h", **labels})


def test_monitor_market_waits_for_the_first_candle(world: Any, tmp_path: Any) -> None:
    with Store(f"sqlite:///{tmp_path / 'empty.db'}") as empty:
        empty.migrate()
        world.store = empty

        report = world.monitor()

    assert report.health.reasons == ("no candles are stored: run the ingestion",)
    assert report.decision is None


def test_monitor_market_decides_nothing_before_the_first_forecast(world: Any) -> None:
    assert world.monitor().decision is None


def test_monitor_market_leaves_a_healthy_model_alone(world: Any) -> None:
    reports = world.pass_hours(40)

    assert [report.scored.added for report in reports[1:]] == [min(h, 6) for h in range(1, 40)]
    assert not any(report.decision.wanted for report in reports)
    assert world.kinds() == []
    assert world.windows() == []


def test_monitor_market_recalibrates_each_candle(world: Any) -> None:
    world.pass_hours(3)

    cutoffs = [
        world.store.calibrations.get(MARKET, "1", as_of=world.now - n * HOUR)[0] for n in (0, 1)
    ]

    assert cutoffs == [world.now, world.now - HOUR]


@pytest.mark.parametrize("kind", ["shifted", "narrow"])
def test_monitor_market_retrains_a_broken_model_once(world: Any, broken: Broken, kind: str) -> None:
    world.distort = broken[kind]

    reports = world.pass_hours(NOTICED_WITHIN + 12)

    started = [hour for hour, report in enumerate(reports, start=1) if report.retraining]
    assert len(started) == 1
    assert started[0] <= NOTICED_WITHIN
    assert len(world.windows()) == 1
    assert world.kinds().count("RetrainingStarted") == 1
    assert world.kinds().count("ErrorAboveThreshold") == 1


def test_monitor_market_notices_a_model_that_breaks_later(world: Any, broken: Broken) -> None:
    world.pass_hours(30)
    world.distort = broken["shifted"]

    reports = world.pass_hours(30)

    assert sum(report.retraining is not None for report in reports) == 1


def test_monitor_market_says_why_it_retrains(world: Any, broken: Broken) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(NOTICED_WITHIN)

    reason = world.store.retrainings.newest(MARKET).reason

    assert "MASE" in reason
    assert "times that of the random walk" in reason


def test_monitor_market_retrains_again_when_the_promoted_one_is_broken_too(
    world: Any, broken: Broken
) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(NOTICED_WITHIN)
    newest = world.store.retrainings.newest(MARKET)
    world.store.retrainings.finish(MARKET, newest.window, "promoted", "better", world.now)
    world.trigger.close()
    world.promote("2")

    world.pass_hours(NOTICED_WITHIN)

    assert len(world.windows()) == 2


def test_monitor_market_is_quiet_after_a_healthy_promotion(world: Any, broken: Broken) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(NOTICED_WITHIN)
    newest = world.store.retrainings.newest(MARKET)
    world.store.retrainings.finish(MARKET, newest.window, "promoted", "better", world.now)
    world.trigger.close()
    world.promote("2")
    world.distort = lambda forecast: forecast

    reports = world.pass_hours(25)

    assert not any(report.decision.wanted for report in reports)
    assert len(world.windows()) == 1


def test_monitor_market_does_not_retrain_on_stale_data(world: Any, broken: Broken) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(13)
    world.now += 3 * HOUR

    report = world.monitor()

    assert not report.health.healthy
    assert world.windows() == []
    assert "DataStale" in world.kinds()
    assert "ErrorAboveThreshold" not in world.kinds()


def test_monitor_market_does_not_retrain_on_a_frozen_feed(world: Any, broken: Broken) -> None:
    world.pass_hours(12)
    frozen = world.candles.loc[world.now - HOUR :].copy()
    frozen.iloc[1:] = frozen.iloc[0].to_numpy()
    world.candles = frozen
    world.distort = broken["shifted"]

    reports = world.pass_hours(14)

    assert world.windows() == []
    assert set(world.kinds()) == {"DataStale"}
    assert reports[-1].decision.blocked == reports[-1].health.reasons
    assert "frozen" in figures(world)["blocked"][0]


def test_monitor_market_does_not_retrain_across_a_gap(world: Any, broken: Broken) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(10)
    world.pass_hours(2, arriving=False, serving=False)

    reports = world.pass_hours(10)

    assert world.windows() == []
    assert "gap" in reports[-1].health.reasons[0]
    assert (gauge("tidecast_missing_candles") or 0) >= 1


def test_monitor_market_retrains_when_the_gap_was_healed(world: Any, broken: Broken) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(10)
    world.pass_hours(1, arriving=False, serving=False)
    missing = world.closed()
    world.pass_hours(5)
    world.arrive(missing)

    world.pass_hours(4)

    assert len(world.windows()) == 1


def test_monitor_market_tells_of_stale_data_once(world: Any) -> None:
    world.pass_hours(2)
    world.now += 5 * HOUR
    for _ in range(4):
        world.monitor()
        world.now += HOUR
    world.arrive(world.candles.loc[: world.now - HOUR])
    world.monitor()

    assert world.kinds() == ["DataStale"]
    assert gauge("tidecast_data_healthy") == 1


def test_monitor_market_is_at_most_one_event_when_it_was_dead_for_half_a_day(
    world: Any, broken: Broken
) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(8)
    world.pass_hours(12, monitoring=False)

    reports = [world.monitor() for _ in range(3)] + world.pass_hours(3)

    assert reports[0].scored.added == sum(min(age, 6) for age in range(8, 20))
    assert world.kinds() == ["CoverageOff", "ErrorAboveThreshold", "RetrainingStarted"]
    assert len(world.windows()) == 1


@pytest.mark.parametrize("monitors", [5])
def test_monitor_market_claims_once_when_monitors_decide_in_the_same_second(
    world: Any, broken: Broken, monitors: int
) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(13, monitoring=False)
    world.monitor()
    world.pass_hours(1, monitoring=False)

    with ThreadPoolExecutor(monitors) as pool:
        reports = list(pool.map(lambda _: world.monitor(), range(monitors)))

    assert sum(report.retraining is not None for report in reports) == 1
    assert len(world.windows()) == 1
    assert world.kinds().count("RetrainingStarted") == 1


def test_monitor_market_ends_in_the_same_state_whoever_monitors(world: Any, broken: Broken) -> None:
    world.distort = broken["narrow"]
    world.pass_hours(14)
    before = recall(world.store, MARKET)

    for _ in range(3):
        world.monitor()

    assert recall(world.store, MARKET) == before
    assert before.trigger.candle == world.now


def test_monitor_market_waits_while_another_training_runs(world: Any, broken: Broken) -> None:
    world.trigger.start(Market("ETH-USD", "1h"), "w", "another market")
    world.distort = broken["shifted"]
    reports = world.pass_hours(NOTICED_WITHIN)

    assert reports[-1].waits
    assert world.windows() == []

    world.trigger.close()
    assert world.monitor().retraining is not None


def test_monitor_market_challenges_an_old_champion(world: Any) -> None:
    world.plan = replace(
        world.plan, policy=replace(world.plan.policy, max_model_age=timedelta(hours=10))
    )

    reports = world.pass_hours(12)

    assert [hour for hour, report in enumerate(reports, 1) if report.retraining] == [11]
    assert "last challenged" in world.store.retrainings.newest(MARKET).reason


def test_monitor_market_replaces_a_champion_that_cannot_be_loaded(world: Any) -> None:
    def refuse(market: Market, version: str) -> Champion:
        raise ArtefactInvalid("format 1, readable is 2")

    world.read_champion = refuse
    (report,) = world.pass_hours(1)

    assert report.retraining is not None
    reason = world.store.retrainings.newest(MARKET).reason
    assert reason == "champion 1 cannot be loaded: format 1, readable is 2"


def test_monitor_market_waits_for_a_registry_that_is_unavailable(world: Any) -> None:
    def refuse(market: Market, version: str) -> Champion:
        raise RegistryUnavailable("MLflow is unavailable")

    world.read_champion = refuse

    assert [report.retraining for report in world.pass_hours(1)] == [None]


@pytest.mark.parametrize(
    "error", [RegistryUnavailable("MLflow is away"), ArtefactInvalid("damaged")], ids=repr
)
def test_monitor_market_scores_and_decides_when_the_artefact_cannot_be_read(
    world: Any, broken: Broken, error: Exception
) -> None:
    def refuse(market: Market, version: str) -> Champion:
        raise error

    readable, world.read_champion = world.read_champion, refuse
    world.distort = broken["shifted"]
    world.pass_hours(NOTICED_WITHIN)

    assert len(world.windows()) == 1
    assert world.store.calibrations.get(MARKET, "1") is None

    world.read_champion = readable
    world.monitor()
    caught_up = world.store.calibrations.get(MARKET, "1")
    assert caught_up[0] == world.now


def test_monitor_market_starts_the_calibration_from_the_artefact(world: Any) -> None:
    world.pass_hours(6)
    state = world.store.calibrations.get(MARKET, "1")[1]

    world.version = "2"
    for one in world.store.forecasts.read(MARKET, model_version="1"):
        forecast = replace(one.forecast, model_version="2")
        world.store.forecasts.add(replace(one, forecast=forecast))
    world.monitor()
    recalibrate(world.store, MARKET, "2", Calibration.initial(6).to_json)

    assert world.store.calibrations.get(MARKET, "2")[1] == state


def test_monitor_market_shows_metrics(world: Any, broken: Broken) -> None:
    before = gauge("tidecast_scores_total") or 0.0
    world.distort = broken["shifted"]
    world.pass_hours(14)

    mase = gauge("tidecast_forecast_mase", step="1")
    ratio = gauge("tidecast_forecast_crps_ratio", step="1")
    assert mase is not None and mase > 5
    assert ratio is not None and ratio > 5
    assert gauge("tidecast_coverage_ratio", level="0.9", step="1") == 0
    assert gauge("tidecast_data_healthy") == 1
    assert (gauge("tidecast_scores_total") or 0.0) - before == sum(
        min(hour, 6) for hour in range(14)
    )


def test_monitor_market_writes_its_figures_down(world: Any, broken: Broken) -> None:
    world.distort = broken["shifted"]
    world.pass_hours(14)

    found = figures(world)

    assert found["model_version"] == "1"
    assert found["scored_candles"] == 13
    assert found["mase"] > 5
    assert found["wanted"] and not found["blocked"]


def test_monitor_market_tells_of_wrong_coverage_once(world: Any, broken: Broken) -> None:
    world.distort = broken["narrow"]

    world.pass_hours(20)

    assert world.kinds().count("CoverageOff") == 1


def test_monitor_market_reports_feature_drift_and_does_not_retrain_for_it(
    world: Any, sample: pd.DataFrame
) -> None:
    world.arrive(sample.iloc[:1300])
    world.now = sample.index[1300].to_pydatetime()
    train_end = sample.index[1100].to_pydatetime()
    readable = world.read_champion
    world.read_champion = lambda market, version: replace(
        readable(market, version), train_end=train_end
    )
    world.plan = replace(world.plan, reference_candles=300, max_psi=0.01)
    world.serve()

    report = monitor_market(
        world.store,
        world.plan,
        MARKET,
        world.now,
        read_champion=world.read_champion,
        trigger=world.trigger,
    )

    assert report.features is not None
    assert gauge("tidecast_feature_psi", feature="log_variance_24") == pytest.approx(
        report.features.psi["log_variance_24"]
    )
    assert any("PSI" in reason for reason in figures(world)["drifted"])
    assert not report.decision.wanted
