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
from tidecast.registry import Registry
from tidecast.timeframes import Market
from training.promotion import promote, reconcile, rollback

MARKET = Market("BTC-USD", "1h")
NOW = datetime(2025, 2, 20, 0, 5, tzinfo=UTC)
BEFORE_EVERYTHING = datetime(2000, 1, 1, tzinfo=UTC)
ROLLBACK_SECONDS = 10.0


def test_promotion_moves_the_alias_and_writes_who_when_and_why(workshop, sound):
    version = workshop.register(sound, passed=True)
    promotion = workshop.promote(version, by="ada", reason="better bands")
    assert workshop.champion() == version
    assert promotion == workshop.store.promotions.newest(MARKET)
    assert (promotion.previous, promotion.by, promotion.reason) == (None, "ada", "better bands")
    assert (promotion.forced, promotion.verdict["passed"]) == (False, True)


def test_second_promotion_names_the_previous_champion(workshop, sound):
    first, second = (workshop.register(sound, passed=True) for _ in range(2))
    workshop.promote(first)
    assert workshop.promote(second).previous == first
    assert workshop.registry.previous(MARKET).version == first


def test_promoting_the_champion_again_writes_nothing(workshop, sound):
    version = workshop.register(sound, passed=True)
    assert workshop.promote(version) == workshop.promote(version)
    assert len(workshop.record()) == 1


@pytest.mark.parametrize(
    ("passed", "reason"), [(False, "so said the gate"), (None, "was never judged")]
)
def test_promotion_is_refused_without_a_passed_verdict(workshop, sound, passed, reason):
    version = workshop.register(sound, passed=passed)
    with pytest.raises(GateRefused, match=reason):
        workshop.promote(version)
    assert (workshop.champion(), workshop.record()) == (None, [])


def test_forced_promotion_overrules_the_gate_and_says_so(workshop, too_wide):
    version = workshop.register(too_wide, passed=False)
    assert workshop.promote(version, forced=True).forced
    assert workshop.champion() == version


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
def test_even_a_forced_promotion_refuses_a_model_without_a_valid_forecast(workshop, sound, spoil):
    good = workshop.register(sound, passed=True)
    workshop.promote(good)
    bad = workshop.register(spoil(sound), passed=True)
    with pytest.raises(ForecastInvalid):
        workshop.promote(bad, forced=True)
    assert workshop.champion() == good
    assert len(workshop.record()) == 1


def test_even_a_forced_promotion_refuses_a_damaged_artefact(workshop, sound):
    version = workshop.register(sound, passed=True)
    (workshop.stored_artefact(version) / "arrays.npz").write_bytes(b"PK")
    with pytest.raises(ArtefactInvalid, match="damaged"):
        workshop.promote(version, forced=True)
    assert workshop.champion() is None


def test_promotion_refuses_the_model_of_another_market(workshop, sound):
    version = workshop.register(sound, passed=True, market=Market("ETH-USD", "1h"))
    with pytest.raises(ArtefactInvalid, match="made for ETH-USD:1h"):
        workshop.promote(version)


def test_promotion_refuses_a_model_that_no_candle_can_try(workshop, sound):
    version = workshop.register(sound, passed=True)
    with pytest.raises(TooFewCandles):
        workshop.promote(version, now=BEFORE_EVERYTHING)


def test_promotion_refuses_a_version_that_does_not_exist(workshop):
    with pytest.raises(InvalidParameter, match="no version 9"):
        workshop.promote("9")


def test_promotion_is_absent_when_mlflow_is_away(workshop, sound):
    workshop.register(sound, passed=True)
    away = Registry("http://127.0.0.1:9", workshop.home / "models")
    with pytest.raises(RegistryUnavailable):
        promote(workshop.store, away, MARKET, "1", now=NOW, by="tester", reason="test")
    assert (workshop.champion(), workshop.record()) == (None, [])


def test_rollback_serves_the_previous_champion_within_ten_seconds(workshop, sound, too_wide):
    good, bad = workshop.register(sound, passed=True), workshop.register(too_wide)
    workshop.promote(good)
    workshop.promote(bad, forced=True)
    started = time.monotonic()
    promotion = rollback(workshop.store, workshop.registry, MARKET, now=NOW, by="ada")
    seconds = time.monotonic() - started
    print(f"rollback took {seconds:.2f} s")
    assert seconds < ROLLBACK_SECONDS
    assert workshop.champion() == good
    assert (promotion.version, promotion.previous, promotion.by) == (good, bad, "ada")
    assert promotion.reason == f"rollback from version {bad}"


def test_rollback_passes_over_a_previous_champion_that_is_damaged(workshop, sound):
    first, second, third = (workshop.register(sound, passed=True) for _ in range(3))
    for version in (first, second, third):
        workshop.promote(version)
    (workshop.stored_artefact(second) / "arrays.npz").unlink()
    (workshop.home / "models" / "BTC-USD-1h" / second / "arrays.npz").unlink()
    assert rollback(workshop.store, workshop.registry, MARKET, now=NOW, by="ada").version == first


def test_rollback_is_refused_when_there_is_no_earlier_champion(workshop, sound):
    workshop.promote(workshop.register(sound, passed=True))
    with pytest.raises(GateRefused, match="no earlier champion"):
        rollback(workshop.store, workshop.registry, MARKET, now=NOW, by="ada")


def test_rollback_says_why_no_earlier_champion_can_serve(workshop, sound, too_wide):
    first, second = workshop.register(too_wide, passed=True), workshop.register(sound, passed=True)
    workshop.promote(first)
    workshop.promote(second)
    (workshop.stored_artefact(first) / "arrays.npz").unlink()
    (workshop.home / "models" / "BTC-USD-1h" / first / "arrays.npz").unlink()
    with pytest.raises(GateRefused, match=f"version {first}: .*is missing"):
        rollback(workshop.store, workshop.registry, MARKET, now=NOW, by="ada")
    assert workshop.champion() == second


def test_crash_between_alias_and_row_is_mended_by_the_next_promotion(workshop, sound):
    first, second, third = (workshop.register(sound, passed=True) for _ in range(3))
    workshop.promote(first)
    workshop.registry.point(MARKET, second)
    workshop.promote(third)
    assert workshop.record() == [
        (first, None, "test"),
        (second, first, "reconciled"),
        (third, second, "test"),
    ]


def test_crash_before_the_first_row_is_mended(workshop, sound):
    version = workshop.register(sound, passed=True)
    workshop.registry.point(MARKET, version)
    mended = reconcile(workshop.store, workshop.registry, MARKET, now=NOW)
    assert mended is not None
    assert (mended.version, mended.previous, mended.reason) == (version, None, "reconciled")
    assert mended.verdict["passed"]


def test_nothing_is_mended_when_alias_and_row_agree(workshop, sound):
    workshop.promote(workshop.register(sound, passed=True))
    assert reconcile(workshop.store, workshop.registry, MARKET, now=NOW) is None
