import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tidecast.errors import RegistryUnavailable
from tidecast.forecasts import LEVELS
from tidecast.models import artefact
from tidecast.models.baselines import RandomWalk
from tidecast.models.calibration import PAIRS, Calibration
from tidecast.registry import Registry
from tidecast.settings import TrainingSettings
from tidecast.timeframes import Market
from training.run import train_market

MARKET = Market("BTC-USD", "1h")
TOO_WIDE = "4"


def test_first_challenger_is_promoted(workshop):
    outcome = workshop.train()
    assert (outcome.status, outcome.version) == ("promoted", "1")
    assert workshop.champion() == "1"
    (row,) = workshop.store.promotions.history(MARKET)
    assert (row.by, row.reason, row.forced) == ("training", "test", False)
    assert row.verdict["passed"]


def test_challenger_that_is_only_equal_is_kept(stocked):
    stocked.promote("1")
    outcome = stocked.train()
    assert (outcome.status, outcome.version) == ("kept", "5")
    assert "not better than the champion beyond noise" in outcome.detail
    assert stocked.champion() == "1"


def test_challenger_that_is_worse_is_kept_with_its_reasons(stocked):
    stocked.promote("1")
    outcome = stocked.train(model="seasonal_naive")
    assert outcome.status == "kept"
    kept = stocked.registry.version(MARKET, outcome.version)
    assert (kept.verdict["passed"], kept.aliases) == (False, ("challenger",))
    assert any("worse than" in reason for reason in kept.verdict["reasons"])


def test_challenger_that_is_better_replaces_the_champion(stocked):
    stocked.promote(TOO_WIDE, forced=True)
    outcome = stocked.train()
    assert (outcome.status, stocked.champion()) == ("promoted", outcome.version)
    assert stocked.registry.previous(MARKET).version == TOO_WIDE
    assert outcome.verdict.figures["against"]["champion"]["skill"] > 0.1


def test_champion_that_cannot_be_loaded_counts_as_broken(stocked):
    stocked.promote("1")
    stocked.lose("1")
    outcome = stocked.train()
    assert (outcome.status, stocked.champion()) == ("promoted", "5")
    assert "champion 1 counts as broken" in outcome.detail
    assert "arrays.npz is missing" in outcome.verdict.figures["champion_broken"]


def test_champion_that_forecasts_nonsense_counts_as_broken(workshop, sound):
    spoilt = replace(sound, table=np.full_like(sound.table, np.nan))
    workshop.registry.point(MARKET, workshop.register(spoilt))
    outcome = workshop.train()
    assert (outcome.status, workshop.champion()) == ("promoted", "2")
    assert "not finite" in outcome.detail


def test_champion_of_another_horizon_counts_as_broken(workshop, candles, sound):
    shorter = replace(sound, horizon=2, table=sound.table[:2])
    workshop.register(shorter, calibration=Calibration.initial(2))
    workshop.registry.point(MARKET, "1")
    outcome = workshop.train()
    assert (outcome.status, workshop.champion()) == ("promoted", "2")
    assert "it forecasts 2 steps" in outcome.detail


def test_promoted_artefact_is_the_one_that_was_judged(workshop, candles):
    outcome = workshop.train()
    promoted = artefact.load(workshop.registry.fetch(MARKET, outcome.version))
    assert promoted.facts["train_end"] == "2025-02-15T20:00:00Z"
    assert promoted.facts["judged_until"] == "2025-02-20T00:00:00Z"
    fitted = candles[candles.index < promoted.facts["train_end"]]
    model = RandomWalk.fit(fitted.iloc[-promoted.facts["candles"] :], "1h", 4)
    np.testing.assert_array_equal(promoted.model.table, model.table)


def test_promoted_calibration_knows_the_judged_hours(workshop):
    outcome = workshop.train()
    promoted = artefact.load(workshop.registry.fetch(MARKET, outcome.version))
    assert np.abs(promoted.calibration.widening).max() > 0


def test_candles_seen_later_than_now_are_not_used(workshop, candles):
    later = candles.iloc[-1:] * 1.5
    later.index = later.index + timedelta(hours=1)
    workshop.store.candles.upsert(
        MARKET, later, "replay:BTC-USD", lambda: candles.index[-1] + timedelta(days=3)
    )
    workshop.train()
    facts = artefact.load(workshop.registry.fetch(MARKET, "1")).facts
    assert facts["judged_until"] == "2025-02-20T00:00:00Z"


def test_run_holds_report_verdict_and_picture(workshop):
    outcome = workshop.train()
    (reports,) = workshop.home.glob("mlartifacts/*/artifacts/report")
    assert {path.name for path in reports.iterdir()} == {
        "verdict.json",
        "report.json",
        "forecast.png",
    }
    verdict = json.loads((reports / "verdict.json").read_text())
    assert verdict["passed"]
    report = json.loads((reports / "report.json").read_text())
    assert set(report["models"]) == {"challenger", "random_walk", "ewma", "garch"}
    metrics = workshop.registry.version(MARKET, outcome.version).metrics
    assert metrics["crps_bps_challenger"] > 0
    assert (reports / "forecast.png").read_bytes().startswith(b"\x89PNG")


def test_short_window_is_made_long_enough_to_train_on(workshop):
    wanted = TrainingSettings(train_days=1, min_train_candles=500, judge_candles=100)
    workshop.settings = workshop.settings.model_copy(update={"training": wanted})
    outcome = workshop.train()
    assert outcome.status != "failed", outcome.detail


def test_market_without_candles_fails_the_training(workshop):
    outcome = train_market(
        workshop.store,
        workshop.registry,
        workshop.settings,
        Market("ETH-USD", "1h"),
        workshop.settings.clock.build().now(),
        "test",
        model="random_walk",
    )
    assert outcome.status == "failed"
    assert "has 0" in outcome.detail


def test_training_leaves_the_champion_when_mlflow_goes_away(stocked):
    stocked.promote("1")
    here, stocked.registry = (
        stocked.registry,
        Registry("http://127.0.0.1:9", stocked.home / "models"),
    )
    with pytest.raises(RegistryUnavailable):
        stocked.train()
    assert here.champion(MARKET).version == "1"


def test_champion_is_judged_with_the_calibration_it_had_then(stocked, too_wide):
    """A stored state that narrows its bands to a third leaves nothing to win."""
    stocked.promote(TOO_WIDE, forced=True)
    table = too_wide.table - too_wide.table[:, [PAIRS]]
    half = table[:, LEVELS.index(0.75)] - table[:, LEVELS.index(0.25)]
    widths = table[:, PAIRS + 1 :] - table[:, PAIRS - 1 :: -1]
    state = Calibration(-2 / 3 * widths / half[:, None])
    before = datetime(2025, 2, 15, tzinfo=UTC)
    stocked.store.calibrations.put(MARKET, TOO_WIDE, before, state.to_json())
    outcome = stocked.train()
    assert outcome.status == "kept"
    assert abs(outcome.verdict.figures["against"]["champion"]["skill"]) < 0.02


def test_every_step_is_announced(workshop):
    lines: list[str] = []
    workshop.train(progress=lines.append)
    text = "\n".join(lines)
    for step in (
        "reading candles",
        "fitting random_walk",
        "judging it",
        "registering",
        "promoting",
    ):
        assert step in text
