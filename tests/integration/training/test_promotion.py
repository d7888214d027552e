import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tidecast.errors import (
    ArtefactInvalid,
    ForecastInvalid,
    GateRefused,
    InvalidParameter,
    RegistryUnavailable,
    TooFewCandles,
)
from tidecast.lifecycle.registry_check import find_registry_problems, report_registry_problems
from tidecast.registry import Registry
from tidecast.timeframes import Market
from training.promotion import promote, reconcile, rollback

MARKET = Market("BTC-USD", "1h")
SOUND, TOO_WIDE = ("1", "2", "3"), "4"
BEFORE_EVERYTHING = datetime(2000, 1, 1, tzinfo=UTC)
ROLLBACK_SECONDS = 10.0


def test_promotion_moves_the_alias_and_writes_who_when_and_why(stocked):
    promotion = stocked.promote("1", by="ada", reason="better bands")
    assert stocked.champion() == "1"
    assert promotion == stocked.store.promotions.newest(MARKET)
    assert (promotion.previous, promotion.by, promotion.reason) == (None, "ada", "better bands")
    assert (promotion.forced, promotion.verdict["passed"]) == (False, True)


def test_second_promotion_names_the_previous_champion(stocked):
    stocked.promote("1")
    assert stocked.promote("2").previous == "1"
    assert stocked.registry.previous(MARKET).version == "1"


def test_promoting_the_champion_again_writes_nothing(stocked):
    assert stocked.promote("1") == stocked.promote("1")
    assert len(stocked.record()) == 1


def test_promotion_is_refused_when_the_gate_did_not_pass_it(stocked):
    with pytest.raises(GateRefused, match="so said the gate"):
        stocked.promote(TOO_WIDE)
    assert (stocked.champion(), stocked.record()) == (None, [])


def test_promotion_is_refused_when_the_gate_never_judged_it(workshop, sound):
    version = workshop.register(sound)
    with pytest.raises(GateRefused, match="was never judged"):
        workshop.promote(version)
    assert (workshop.champion(), workshop.record()) == (None, [])


def test_forced_promotion_overrules_the_gate_and_says_so(stocked):
    assert stocked.promote(TOO_WIDE, forced=True).forced
    assert stocked.champion() == TOO_WIDE


def not_finite(model):
    return replace(model, table=np.full_like(model.table, np.nan))


def infinite(model):
    table = model.table.copy()
    table[:, -1] = np.inf
    return replace(model, table=table)


def constant(model):
    return replace(model, table=np.zeros_like(model.table))


def crossed(model):
    return replace(model, table=model.table[:, ::-1].copy())


def absurd(model):
    return replace(model, table=1000 * model.table)


def of_wrong_shape(model):
    return replace(model, table=model.table[:, :7].copy())


@pytest.mark.parametrize("spoil", [not_finite, infinite, constant, crossed, absurd, of_wrong_shape])
def test_even_a_forced_promotion_refuses_a_model_without_a_valid_forecast(stocked, sound, spoil):
    stocked.promote("1")
    bad = stocked.register(spoil(sound), passed=True)
    with pytest.raises((ForecastInvalid, ArtefactInvalid)):
        stocked.promote(bad, forced=True)
    assert stocked.champion() == "1"
    assert len(stocked.record()) == 1


def test_even_a_forced_promotion_refuses_a_damaged_artefact(stocked):
    stocked.lose("1")
    with pytest.raises(ArtefactInvalid, match="is missing"):
        stocked.promote("1", forced=True)
    assert stocked.champion() is None


def test_promotion_refuses_the_model_of_another_market(workshop, sound):
    version = workshop.register(sound, passed=True, market=Market("ETH-USD", "1h"))
    with pytest.raises(ArtefactInvalid, match="made for ETH-USD:1h"):
        workshop.promote(version)


def test_promotion_refuses_a_model_that_no_candle_can_try(stocked):
    with pytest.raises(TooFewCandles):
        stocked.promote("1", now=BEFORE_EVERYTHING)


def test_promotion_refuses_a_version_that_does_not_exist(stocked):
    with pytest.raises(InvalidParameter, match="no version 9"):
        stocked.promote("9")


def test_promotion_is_absent_when_mlflow_is_away(stocked):
    away = Registry("http://127.0.0.1:9", stocked.home / "models")
    with pytest.raises(RegistryUnavailable):
        promote(stocked.store, away, MARKET, "1", now=stocked.now, by="tester", reason="test")
    assert (stocked.champion(), stocked.record()) == (None, [])


def roll_back(workshop):
    return rollback(workshop.store, workshop.registry, MARKET, now=workshop.now, by="ada")


def test_rollback_serves_the_previous_champion_within_ten_seconds(stocked):
    stocked.promote("1")
    stocked.promote(TOO_WIDE, forced=True)
    started = time.monotonic()
    promotion = roll_back(stocked)
    seconds = time.monotonic() - started
    print(f"rollback took {seconds:.2f} s")
    assert seconds < ROLLBACK_SECONDS
    assert stocked.champion() == "1"
    assert (promotion.version, promotion.previous, promotion.by) == ("1", TOO_WIDE, "ada")
    assert promotion.reason == f"rollback from version {TOO_WIDE}"


def test_rollback_passes_over_a_previous_champion_that_is_damaged(stocked):
    for version in SOUND:
        stocked.promote(version)
    stocked.lose("2")
    assert roll_back(stocked).version == "1"


def test_rollback_is_refused_when_there_is_no_earlier_champion(stocked):
    stocked.promote("1")
    with pytest.raises(GateRefused, match="no earlier champion"):
        roll_back(stocked)


def test_rollback_says_why_no_earlier_champion_can_serve(stocked):
    stocked.promote("1")
    stocked.promote("2")
    stocked.lose("1")
    with pytest.raises(GateRefused, match=r"version 1: .*is missing"):
        roll_back(stocked)
    assert stocked.champion() == "2"


def test_crash_between_alias_and_row_is_mended_by_the_next_promotion(stocked):
    stocked.promote("1")
    stocked.registry.point(MARKET, "2")
    stocked.promote("3")
    assert stocked.record() == [
        ("1", None, "test"),
        ("2", "1", "reconciled"),
        ("3", "2", "test"),
    ]


def test_crash_before_the_first_row_is_mended(stocked):
    stocked.registry.point(MARKET, "1")
    mended = reconcile(stocked.store, stocked.registry, MARKET, now=stocked.now)
    assert mended is not None
    assert (mended.version, mended.previous, mended.reason) == ("1", None, "reconciled")
    assert mended.verdict["passed"]


def test_nothing_is_mended_when_alias_and_row_agree(stocked):
    stocked.promote("1")
    assert reconcile(stocked.store, stocked.registry, MARKET, now=stocked.now) is None


def client(workshop):
    """MLflow's own client, as a person would use it."""
    from mlflow.tracking import MlflowClient

    uri = workshop.settings.tracking_uri
    return MlflowClient(uri, uri)


NAME = "tidecast-BTC-USD-1h"


def changes(workshop) -> list[tuple[str, str]]:
    events = workshop.store.events.read(market=MARKET)
    return [
        (event.detail["kind"], event.detail["version"])
        for event in events
        if event.kind == "RegistryChanged"
    ]


def delete_alias(workshop):
    client(workshop).delete_registered_model_alias(NAME, "champion")


def delete_version(workshop):
    client(workshop).delete_model_version(NAME, "1")


def delete_run(workshop):
    client(workshop).delete_run(workshop.registry.version(MARKET, "1").run_id)


def delete_files(workshop):
    run_id = workshop.registry.version(MARKET, "1").run_id
    shutil.rmtree(workshop.home / "mlartifacts" / run_id)


def move_alias(workshop):
    client(workshop).set_registered_model_alias(NAME, "champion", "2")


@pytest.mark.parametrize(
    ("by_hand", "kind", "unloadable"),
    [
        (delete_alias, "alias_deleted", False),
        (delete_version, "version_deleted", True),
        (delete_run, "run_deleted", False),
        (delete_files, "files_deleted", True),
        (move_alias, "alias_moved", False),
    ],
)
def test_change_in_mlflow_is_found_and_reported_once(stocked, by_hand, kind, unloadable):
    stocked.promote("1")
    by_hand(stocked)
    (problem,) = find_registry_problems(stocked.registry, MARKET, "1")
    assert (problem.kind, problem.unloadable) == (kind, unloadable)
    for _ in range(2):
        report_registry_problems(stocked.store, stocked.registry, MARKET, stocked.now)
    assert changes(stocked) == [(kind, "1")]


def test_nothing_is_reported_of_a_sound_champion(stocked):
    report_registry_problems(stocked.store, stocked.registry, MARKET, stocked.now)
    stocked.promote("1")
    assert find_registry_problems(stocked.registry, MARKET, "1") == ()
    assert changes(stocked) == []


def test_alias_moved_by_hand_is_reported_and_written_down(stocked):
    stocked.promote("1")
    move_alias(stocked)
    reconcile(stocked.store, stocked.registry, MARKET, now=stocked.now)
    assert changes(stocked) == [("alias_moved", "1")]
    assert stocked.record()[-1] == ("2", "1", "reconciled")


def test_deleted_alias_is_set_again_by_the_command_that_the_report_names(stocked):
    stocked.promote("1")
    delete_alias(stocked)
    (problem,) = find_registry_problems(stocked.registry, MARKET, "1")
    assert "`tidecast promote BTC-USD:1h 1` sets it again" in problem.text
    stocked.promote("1")
    assert stocked.champion() == "1"


def test_rollback_from_a_deleted_champion_goes_to_the_one_before(stocked):
    stocked.promote("2")
    stocked.promote("1")
    delete_version(stocked)
    assert roll_back(stocked).version == "2"


def test_rollback_names_deleted_versions_and_what_to_do(stocked):
    stocked.promote("1")
    stocked.promote("2")
    delete_version(stocked)
    advice = "`tidecast promote BTC-USD:1h VERSION` promotes another one: 4, 3"
    with pytest.raises(GateRefused, match=f"version 1 was deleted from MLflow; {advice}"):
        roll_back(stocked)
    assert stocked.champion() == "2"


def test_rollback_does_not_go_back_to_the_champion_whose_alias_was_deleted(stocked):
    stocked.promote("1")
    delete_alias(stocked)
    with pytest.raises(GateRefused, match="no earlier champion"):
        roll_back(stocked)


@pytest.fixture
def harmful_trials(stocked, monkeypatch):
    """No version was tried here yet, and a trial ends by a segmentation fault."""
    shutil.rmtree(stocked.home / "models", ignore_errors=True)
    folder = stocked.home / "harmful"
    folder.mkdir()
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    (folder / "sitecustomize.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))


def refusals(workshop) -> list[str]:
    events = workshop.store.events.read(market=MARKET)
    return [event.detail["version"] for event in events if event.kind == "ModelRefused"]


def test_version_that_kills_its_trial_is_not_promoted(stocked, harmful_trials):
    for _ in range(2):
        with pytest.raises(ArtefactInvalid, match="SIGSEGV"):
            stocked.promote("1", forced=True)
    assert (stocked.champion(), refusals(stocked)) == (None, ["1"])


def test_rollback_passes_over_versions_that_kill_their_trial(stocked, harmful_trials):
    for version in SOUND[:2]:
        stocked.registry.point(MARKET, version)
        reconcile(stocked.store, stocked.registry, MARKET, now=stocked.now)
    with pytest.raises(GateRefused, match="version 1: .*SIGSEGV"):
        roll_back(stocked)
    assert (stocked.champion(), refusals(stocked)) == ("2", ["1"])


def test_training_replaces_a_champion_that_kills_its_trial(stocked, harmful_trials):
    stocked.registry.point(MARKET, "1")
    outcome = stocked.train()
    assert outcome.status == "promoted"
    assert "champion 1 counts as broken" in outcome.detail and "SIGSEGV" in outcome.detail
    assert refusals(stocked) == ["1"]
