"""The watch over one market, on a real store and a real registry."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prometheus_client import REGISTRY

from service.board import NO_CANDLE, NO_CHAMPION, Board
from service.parameters import level_positions
from service.watch import (
    ARTEFACT_AWAY,
    REGISTRY_AWAY,
    STORE_AWAY,
    MarketWatch,
)
from tests.integration.service.conftest import register_model, walk
from tidecast.candles import Quarantined
from tidecast.clock import SimulatedClock
from tidecast.forecasts import Forecast
from tidecast.lifecycle.forecast import UNCALIBRATED
from tidecast.lifecycle.recompute import recompute
from tidecast.models.baselines import RandomWalk
from tidecast.models.calibration import Calibration
from tidecast.models.ladder import find_rung
from tidecast.price_jumps import JUMP_REASON
from tidecast.registry import Registry
from tidecast.store import Store
from tidecast.timeframes import Market

HORIZON = 24
NEXT_DAY = datetime(2025, 1, 27, tzinfo=UTC)
pytestmark = pytest.mark.timeout(180)


class Desk:
    """One market's watch with everything it needs, in a folder of its own."""

    def __init__(self, home: Path, market: Market, now: datetime) -> None:
        self.home = home
        self.market = market
        self.store = Store(f"sqlite:///{home / 'tidecast.db'}?timeout=0.05")
        self.registry = Registry(f"sqlite:///{home / 'mlflow.db'}", home / "models")
        self.clock = SimulatedClock(datetime.now(now.tzinfo), now, 1e-9)
        self.open()

    def open(self) -> None:
        """A service that has just started."""
        self.board = Board([self.market])
        levels = level_positions((0.05, 0.5, 0.95))
        self.watch = MarketWatch(
            self.market, self.store, self.registry, self.board, self.clock, levels
        )

    def look(self) -> None:
        self.watch.look_for_champion()
        self.watch.look_for_candle()

    def promote(self, version: str, *, alias: bool = True) -> None:
        if alias:
            self.registry.point(self.market, version)
        self.store.promotions.add(
            self.market, version, previous=None, at=self.clock.now(), by="test", reason="wanted"
        )

    @property
    def state(self):
        return self.board.state(self.market)

    @property
    def version(self) -> str:
        return self.state.snapshot.forecast.model_version

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(reason for reason in self.state.reasons if reason != "replayed data")


@pytest.fixture
def desk(bare_home: Path, tmp_path: Path, market: Market, now: datetime) -> Iterator[Desk]:
    """Three registered versions, of which the first was promoted, and no candle."""
    home = shutil.copytree(bare_home, tmp_path / "home")
    made = Desk(home, market, now)
    made.promote("1")
    yield made
    made.store.close()


@pytest.fixture
def serving(desk: Desk, frames: Callable) -> Desk:
    desk.store.candles.upsert(desk.market, frames(600), "coinbase:BTC-USD", desk.clock.now)
    desk.look()
    assert desk.version == "1"
    return desk


def test_watch_says_what_is_missing(desk: Desk) -> None:
    desk.look()
    assert desk.state.missing == NO_CANDLE


def test_watch_says_that_no_champion_was_promoted(
    bare_home: Path, tmp_path: Path, market: Market, now: datetime, frames: Callable
) -> None:
    desk = Desk(shutil.copytree(bare_home, tmp_path / "home"), market, now)
    desk.store.candles.upsert(market, frames(600), "coinbase:BTC-USD", lambda: now)
    desk.look()
    desk.store.close()
    assert (desk.state.snapshot, desk.state.missing) == (None, NO_CHAMPION)


def _holed(whole: pd.DataFrame) -> pd.DataFrame:
    return whole.drop(whole.index[[-5, -6]])


GAP = (
    "gap: 2 of the newest 600 candles missing, "
    "the last from 2025-01-25T18:00:00Z to 2025-01-25T19:00:00Z"
)


@pytest.fixture
def holed(desk: Desk, frames: Callable) -> Desk:
    """Serves a forecast from candles of which two are missing."""
    desk.store.candles.upsert(desk.market, _holed(frames(600)), "coinbase:BTC-USD", desk.clock.now)
    desk.look()
    return desk


def test_forecast_is_recomputed_to_the_bit_after_its_gap_was_healed_and_a_candle_revised(
    holed: Desk, frames: Callable
) -> None:
    cutoff = holed.state.snapshot.forecast.cutoff
    later = holed.clock.now() + timedelta(hours=1)
    holed.store.candles.upsert(holed.market, frames(600) * 1.01, "coinbase:BTC-USD", lambda: later)
    result = recompute(holed.store, holed.registry, holed.market, cutoff)
    assert result.same_bits
    assert result.published.forecast.quantiles.tobytes() == result.forecast.quantiles.tobytes()


def test_recalibrated_forecast_is_recomputed_to_the_bit(serving: Desk, frames: Callable) -> None:
    cutoff = serving.state.snapshot.forecast.cutoff
    for hours, shift in ((0, 0.5), (1, 0.9)):
        state = Calibration(Calibration.initial(HORIZON).widening + shift).to_json()
        serving.store.calibrations.put(
            serving.market, "1", cutoff + hours * timedelta(hours=1), state
        )
    serving.store.candles.upsert(serving.market, frames(601), "coinbase:BTC-USD", lambda: cutoff)
    serving.look()
    newest = serving.state.snapshot
    serving.store.candles.upsert(
        serving.market, frames(600) * 1.01, "coinbase:BTC-USD", lambda: NEXT_DAY
    )
    assert newest.logged.calibrated_at is not None
    result = recompute(serving.store, serving.registry, serving.market, newest.forecast.cutoff, "1")
    assert result.same_bits


class CommittingClock(SimulatedClock):
    """A clock; while it is read for the first time another process commits candles."""

    commit: Callable[[], object] | None = None

    def now(self) -> datetime:
        commit, CommittingClock.commit = CommittingClock.commit, None
        if commit is not None:
            commit()
        return super().now()


def test_candle_that_comes_between_reading_and_logging_makes_it_compute_again(
    desk: Desk, frames: Callable
) -> None:
    whole, moment = frames(600), desk.clock.now()
    desk.store.candles.upsert(desk.market, _holed(whole), "coinbase:BTC-USD", lambda: moment)
    desk.clock = CommittingClock(desk.clock.real_at, desk.clock.simulated_at, desk.clock.speed)
    desk.open()
    desk.watch.look_for_champion()
    CommittingClock.commit = lambda: desk.store.candles.upsert(
        desk.market, whole, "coinbase:BTC-USD", lambda: moment
    )
    desk.watch.look_for_candle()
    assert CommittingClock.commit is None
    assert desk.state.snapshot is None
    assert desk.store.forecasts.read(desk.market) == []
    desk.watch.look_for_candle()
    assert desk.reasons == ()
    assert recompute(
        desk.store, desk.registry, desk.market, desk.state.snapshot.forecast.cutoff
    ).same_bits


def test_forecast_that_another_replica_logged_first_is_the_one_served(
    desk: Desk, frames: Callable
) -> None:
    desk.store.candles.upsert(desk.market, frames(600), "coinbase:BTC-USD", desk.clock.now)
    other = Desk(desk.home, desk.market, desk.clock.now() - timedelta(minutes=5))
    desk.clock = CommittingClock(desk.clock.real_at, desk.clock.simulated_at, desk.clock.speed)
    desk.open()
    desk.watch.look_for_champion()
    CommittingClock.commit = other.look
    desk.watch.look_for_candle()
    other.store.close()
    (logged,) = desk.store.forecasts.read(desk.market)
    assert desk.state.snapshot.logged.issued_at == logged.issued_at
    assert logged.issued_at == other.state.snapshot.logged.issued_at


def test_forecast_that_could_not_be_logged_is_replaced_when_candles_came_between(
    desk: Desk, frames: Callable
) -> None:
    whole, moment = frames(600), desk.clock.now()
    desk.store.candles.upsert(desk.market, _holed(whole), "coinbase:BTC-USD", lambda: moment)
    other = sqlite3.connect(desk.home / "tidecast.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    desk.look()
    served = desk.state.snapshot
    assert served is not None
    other.execute("ROLLBACK")
    other.close()
    desk.store.candles.upsert(desk.market, whole, "coinbase:BTC-USD", lambda: moment)
    for _ in range(2):
        desk.watch.look_for_candle()
    (logged,) = desk.store.forecasts.read(desk.market)
    assert desk.state.snapshot is not served
    assert recompute(desk.store, desk.registry, desk.market, logged.forecast.cutoff).same_bits


def test_new_candle_gives_a_new_forecast(serving: Desk, frames: Callable) -> None:
    before = serving.state.snapshot.forecast.cutoff
    serving.store.candles.upsert(serving.market, frames(601), "coinbase:BTC-USD", lambda: before)
    serving.look()
    assert serving.state.snapshot.forecast.cutoff == before + timedelta(hours=1)
    assert len(serving.store.forecasts.read(serving.market)) == 2


def test_same_candle_gives_no_new_forecast(serving: Desk) -> None:
    before = serving.state.snapshot
    serving.look()
    assert serving.state.snapshot is before


def test_restart_serves_the_logged_forecast_again(serving: Desk) -> None:
    before = serving.state.snapshot.rendered
    shifted = Calibration(Calibration.initial(HORIZON).widening + 0.5)
    cutoff = serving.state.snapshot.forecast.cutoff
    serving.store.calibrations.put(serving.market, "1", cutoff, shifted.to_json())
    serving.open()
    serving.look()
    assert serving.state.snapshot.rendered == before


def test_restart_serves_before_any_model_is_loaded(serving: Desk) -> None:
    before = serving.state.snapshot.rendered
    folder = serving.registry.fetch(serving.market, "1")
    serving.open()
    (folder / "parameters.json").write_text("{")
    (folder / "manifest.sha256").write_text(_trust(folder))
    serving.watch.look_for_champion()
    assert serving.state.snapshot.rendered == before
    assert "champion 1 refused" in serving.reasons[0]


def _trust(folder: Path) -> str:
    """Let the manifest name the files as they are, so that only loading finds them broken."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest["sha256"]:
        manifest["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(manifest))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_newest_calibration_state_is_used_and_named(serving: Desk, frames: Callable) -> None:
    cutoff = serving.state.snapshot.forecast.cutoff
    shifted = Calibration(Calibration.initial(HORIZON).widening + 0.5)
    serving.store.calibrations.put(serving.market, "1", cutoff, shifted.to_json())
    serving.store.candles.upsert(serving.market, frames(601), "coinbase:BTC-USD", lambda: cutoff)
    before = serving.state.snapshot.forecast
    serving.look()
    snapshot = serving.state.snapshot
    assert snapshot.logged.calibrated_at == cutoff
    assert _spread(snapshot.forecast) > _spread(before)


def test_unreadable_calibration_state_is_told_and_done_without(
    serving: Desk, frames: Callable
) -> None:
    cutoff = serving.state.snapshot.forecast.cutoff
    serving.store.calibrations.put(serving.market, "1", cutoff, '{"nonsense": 1}')
    serving.store.candles.upsert(serving.market, frames(601), "coinbase:BTC-USD", lambda: cutoff)
    serving.look()
    assert serving.state.snapshot.forecast.cutoff > cutoff
    assert serving.reasons == (UNCALIBRATED,)
    serving.open()
    serving.look()
    assert serving.reasons == (UNCALIBRATED,)


def _spread(forecast: Forecast) -> float:
    return float(np.log(forecast.quantiles[:, -1] / forecast.quantiles[:, 0]).mean())


def test_promoted_version_takes_over_at_once(serving: Desk) -> None:
    serving.promote("2")
    assert serving.watch.look_for_champion()
    serving.watch.look_for_candle()
    assert (serving.version, serving.reasons) == ("2", ())
    assert serving.state.snapshot.origin.title.promotion_id is not None


def test_alias_moved_by_hand_takes_over(serving: Desk) -> None:
    serving.registry.point(serving.market, "2")
    serving.look()
    assert serving.version == "2"
    assert serving.state.snapshot.origin.title.promoted_at is None


def test_rollback_takes_over(serving: Desk) -> None:
    for version in ("2", "1"):
        serving.promote(version)
        serving.look()
    assert serving.version == "1"


def _failures(error: str) -> float:
    labels = {"market": "BTC-USD:1h", "error": error}
    return REGISTRY.get_sample_value("tidecast_snapshot_failures_total", labels) or 0


def _damage(desk: Desk, version: str, how: str) -> None:
    source = Path(desk.registry.version(desk.market, version).source.removeprefix("file://"))
    copy = shutil.copytree(source, desk.home / "damaged")
    _move_source(desk, version, copy)
    folder = copy / "artifacts" / "artefact"
    if how == "missing":
        (folder / "parameters.json").unlink()
    elif how == "truncated":
        path = folder / "arrays.npz"
        path.write_bytes(path.read_bytes()[:-20])
    elif how == "bit flipped":
        path = folder / "arrays.npz"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif how == "another format":
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


def _move_source(desk: Desk, version: str, folder: Path) -> None:
    connection = sqlite3.connect(desk.home / "mlflow.db")
    with connection:
        connection.execute(
            "UPDATE model_versions SET source = ?, storage_location = ? WHERE version = ?",
            (str(folder), str(folder), version),
        )
    connection.close()


@pytest.mark.parametrize("how", ["missing", "truncated", "bit flipped", "another format"])
def test_damaged_artefact_is_refused_and_the_old_champion_serves(serving: Desk, how: str) -> None:
    before = _failures("ArtefactInvalid")
    _damage(serving, "2", how)
    serving.promote("2")
    serving.look()
    serving.look()
    assert serving.version == "1"
    reason, *_ = serving.reasons
    assert reason.startswith("champion 2 refused: its artefact is damaged")
    assert str(serving.home) not in reason
    (event,) = serving.store.events.read(market=serving.market)
    assert (event.kind, event.detail["version"]) == ("ModelRefused", "2")
    assert _failures("ArtefactInvalid") == before + 1


def test_promotion_of_a_deleted_version_leaves_the_old_one(serving: Desk) -> None:
    serving.promote("99", alias=False)
    serving.registry.point(serving.market, "1")
    serving.look()
    assert serving.version == "1"


def _broken(table: np.ndarray, how: str) -> np.ndarray:
    broken = table.copy()
    if how == "nan":
        broken[3, 50] = np.nan
    elif how == "infinite":
        broken[3, -1] = np.inf
    elif how == "constant":
        broken[:] = 0.0
    elif how == "crossed":
        broken[3, [50, 60]] = broken[3, [60, 50]]
    elif how == "absurd":
        broken *= 1000
    elif how == "too short":
        broken = broken[:, :5]
    return broken


@pytest.mark.parametrize("how", ["nan", "infinite", "constant", "crossed", "absurd", "too short"])
def test_invalid_forecast_is_refused_and_the_old_champion_serves(
    serving: Desk, frames: Callable, register: Callable, how: str
) -> None:
    table = _broken(RandomWalk.fit(frames(600), "1h", HORIZON).table, how)
    version = register(serving.registry, RandomWalk("1h", HORIZON, table), serving.market)
    serving.promote(version)
    serving.look()
    assert serving.version == "1"
    assert any(f"champion {version} refused" in reason for reason in serving.reasons)
    assert serving.store.events.read(market=serving.market)[0].detail["version"] == version
    assert {f.forecast.model_version for f in serving.store.forecasts.read(serving.market)} == {"1"}


def test_old_champion_forecasts_new_candles_while_the_new_one_is_refused(
    serving: Desk, frames: Callable, register: Callable
) -> None:
    table = np.full_like(RandomWalk.fit(frames(600), "1h", HORIZON).table, np.nan)
    serving.promote(register(serving.registry, RandomWalk("1h", HORIZON, table), serving.market))
    for _ in range(2):
        serving.look()
    serving.store.candles.upsert(serving.market, frames(601), "coinbase:BTC-USD", serving.clock.now)
    before = serving.state.snapshot.forecast.cutoff
    serving.look()
    assert serving.version == "1"
    assert serving.state.snapshot.forecast.cutoff > before
    assert any("refused" in reason for reason in serving.reasons)


def test_start_with_a_damaged_champion_serves_the_one_before(serving: Desk) -> None:
    _damage(serving, "2", "truncated")
    serving.promote("2")
    serving.open()
    serving.look()
    assert serving.version == "1"
    assert "champion 2 refused" in serving.reasons[0]


def test_store_away_is_told_and_answers_go_on(serving: Desk) -> None:
    before = serving.state.snapshot
    path = serving.home / "tidecast.db"
    serving.store.close()
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    serving.look()
    assert (serving.state.snapshot, serving.reasons) == (before, (STORE_AWAY,))
    path.rmdir()
    path.with_suffix(".away").rename(path)
    serving.look()
    assert serving.reasons == ()


def test_registry_away_is_told_and_promotions_still_count(serving: Desk) -> None:
    serving.registry.fetch(serving.market, "2")
    (serving.home / "mlflow.db").write_bytes(b"this is no database" * 100)
    serving.promote("2", alias=False)
    serving.look()
    assert (serving.version, serving.reasons) == ("2", (REGISTRY_AWAY,))


def test_start_without_registry_serves_from_the_cache(serving: Desk) -> None:
    (serving.home / "mlflow.db").write_bytes(b"this is no database" * 100)
    serving.open()
    serving.look()
    assert (serving.version, serving.reasons) == ("1", ())


def test_champion_that_cannot_be_fetched_yet_is_told(serving: Desk) -> None:
    (serving.home / "mlflow.db").write_bytes(b"this is no database" * 100)
    serving.promote("3", alias=False)
    serving.look()
    assert serving.version == "1"
    assert ARTEFACT_AWAY in serving.reasons


def test_forecast_is_logged_later_when_the_store_is_locked(serving: Desk, frames: Callable) -> None:
    serving.store.candles.upsert(serving.market, frames(601), "coinbase:BTC-USD", serving.clock.now)
    other = sqlite3.connect(serving.home / "tidecast.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cutoff = serving.state.snapshot.forecast.cutoff
    serving.watch.look_for_candle()
    assert serving.state.snapshot.forecast.cutoff > cutoff
    assert "cannot be written" in serving.reasons[0]
    other.execute("ROLLBACK")
    other.close()
    serving.watch.look_for_candle()
    assert serving.reasons == ()
    assert len(serving.store.forecasts.read(serving.market)) == 2


def test_too_few_candles_are_told_until_older_ones_come(desk: Desk, frames: Callable) -> None:
    whole = frames(600)
    desk.store.candles.upsert(desk.market, whole[-5:], "coinbase:BTC-USD", desk.clock.now)
    desk.look()
    assert desk.state.snapshot is None
    assert "needs 101 candles, has 5" in desk.state.missing
    desk.store.candles.upsert(desk.market, whole, "coinbase:BTC-USD", desk.clock.now)
    desk.look()
    assert desk.version == "1"


def test_gap_in_the_feature_window_is_a_reason(holed: Desk) -> None:
    assert holed.reasons == (GAP,)


def test_reasons_are_the_same_after_a_restart_although_the_gap_was_healed(
    holed: Desk, frames: Callable
) -> None:
    before = holed.state.snapshot
    later = holed.clock.now() + timedelta(hours=1)
    holed.store.candles.upsert(holed.market, frames(600), "coinbase:BTC-USD", lambda: later)
    holed.open()
    holed.look()
    assert holed.state.snapshot.reasons == before.reasons
    assert GAP in before.reasons


def test_frozen_price_and_zero_volume_are_reasons(desk: Desk, frames: Callable) -> None:
    frozen = frames(600)
    frozen.iloc[-6:] = frozen.iloc[-7].to_numpy()
    frozen.iloc[-6:, 4] = 0.0
    desk.store.candles.upsert(desk.market, frozen, "coinbase:BTC-USD", desk.clock.now)
    desk.look()
    assert desk.reasons == (
        "frozen: 7 candles without a change from 2025-01-25T17:00:00Z",
        "zero volume: 6 of the newest 24 candles, the last at 2025-01-25T23:00:00Z",
    )


def test_candle_that_is_held_back_is_a_reason_until_it_is_confirmed(serving: Desk) -> None:
    cutoff = serving.state.snapshot.forecast.cutoff
    row = json.dumps(dict.fromkeys(("open", "high", "low", "close"), 9.0) | {"volume": 1.0})
    serving.store.candles.quarantine(
        serving.market, "coinbase:BTC-USD", [Quarantined(cutoff, row, JUMP_REASON)], cutoff
    )
    serving.look()
    assert serving.reasons == (
        "jump: 1 candle from 2025-01-26T00:00:00Z held back until the price is confirmed",
    )
    serving.store.candles.release(serving.store.candles.held_back(serving.market))
    serving.look()
    assert serving.reasons == ()


def test_short_history_is_told_before_and_after_a_restart(desk: Desk, frames: Callable) -> None:
    desk.store.candles.upsert(desk.market, frames(144), "coinbase:BTC-USD", desk.clock.now)
    model = walk(frames(144))
    desk.promote(register_model(desk.registry, model, desk.market, model="random_walk"))
    needed = find_rung("ensemble", "1h", model.horizon).candles
    told = (f"short history: 144 candles, the ensemble needs {needed:,}; forecast by random_walk",)
    desk.look()
    assert desk.reasons == told
    desk.open()
    desk.look()
    assert desk.reasons == told


def test_version_that_kills_its_trial_is_refused_and_the_old_champion_serves(
    serving: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(serving.home / "models" / "BTC-USD-1h" / "trials")
    harmful = serving.home / "harmful"
    harmful.mkdir()
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    (harmful / "sitecustomize.py").write_text(code)
    monkeypatch.syspath_prepend(str(harmful))
    serving.promote("2")
    serving.look()
    assert serving.version == "1"
    (event,) = serving.store.events.read(market=serving.market)
    assert (event.kind, event.detail["version"]) == ("ModelRefused", "2")
    assert "SIGSEGV" in event.detail["reason"]


def test_champion_deleted_from_mlflow_serves_on_and_is_degraded(serving: Desk) -> None:
    with sqlite3.connect(serving.home / "mlflow.db") as database:
        database.execute("DELETE FROM registered_model_aliases")
        database.execute("UPDATE model_versions SET current_stage = 'Deleted_Internal'")
    database.close()
    serving.open()
    serving.look()
    serving.look()
    assert serving.version == "1"
    (reason,) = serving.reasons
    assert reason.startswith("champion 1 was deleted from MLflow")


def test_champion_without_its_alias_is_not_degraded(serving: Desk) -> None:
    with sqlite3.connect(serving.home / "mlflow.db") as database:
        database.execute("DELETE FROM registered_model_aliases")
    database.close()
    serving.open()
    serving.look()
    serving.look()
    assert (serving.version, serving.reasons) == ("1", ())
