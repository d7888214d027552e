import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from monitoring.loop import Monitor, run
from monitoring.trigger import LocalTrigger
from tests.integration.waiting import wait_for
from tidecast.settings import Settings
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
HOUR = timedelta(hours=1)
PATIENCE_SECONDS = 30.0
ROOT = Path(__file__).parents[3]


@dataclass
class HandClock:
    """A clock that the test moves."""

    world: Any
    simulated = True

    def now(self) -> datetime:
        moment: datetime = self.world.now
        return moment

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.fixture
def make_monitor(world: Any) -> Callable[..., Monitor]:
    def make(*markets: Market) -> Monitor:
        plans = dict.fromkeys(markets or (MARKET,), world.plan)
        return Monitor(world.store, plans, HandClock(world), world.read_champion, world.trigger)

    return make


def test_monitor_does_a_round_only_when_candles_changed(
    world: Any, make_monitor: Callable[..., Monitor]
) -> None:
    monitor = make_monitor()
    rounds = []
    for _ in range(3):
        world.pass_hours(1, monitoring=False)
        rounds.append([len(monitor.poll()) for _ in range(3)])

    assert rounds == [[1, 0, 0]] * 3


def test_monitor_looks_again_when_a_candle_is_overdue(
    world: Any, make_monitor: Callable[..., Monitor]
) -> None:
    monitor = make_monitor()
    monitor.poll()

    found = []
    for _ in range(3):
        world.now += HOUR
        found.append([report.health.healthy for report in monitor.poll()])

    assert found == [[True], [True], [False]]


def test_monitor_goes_on_with_other_markets_when_one_fails(
    world: Any, make_monitor: Callable[..., Monitor]
) -> None:
    other = Market("ETH-USD", "1h")
    world.store.candles.upsert(other, world.candles.iloc[:5], "replay:ETH-USD", lambda: world.now)
    world.store.notes.put(f"monitor:{MARKET}", {"trigger": "damaged"}, world.now)
    before = REGISTRY.get_sample_value("tidecast_loop_failures_total", {"process": "monitoring"})
    world.serve()

    reports = make_monitor(MARKET, other).poll()

    after = REGISTRY.get_sample_value("tidecast_loop_failures_total", {"process": "monitoring"})
    assert [report.market for report in reports] == [other]
    assert (after or 0) - (before or 0) == 1


def test_monitor_goes_on_when_the_store_is_back(
    world: Any, make_monitor: Callable[..., Monitor], tmp_path: Path
) -> None:
    database, away = tmp_path / "tidecast.db", tmp_path / "away.db"
    monitor = make_monitor()
    world.pass_hours(2, monitoring=False)
    world.store.close()
    database.rename(away)
    database.mkdir()
    assert monitor.poll() == []

    world.store.close()
    database.rmdir()
    away.rename(database)

    assert [report.scored.added for report in monitor.poll()] == [1]


def test_monitor_records_how_its_training_ended(
    world: Any, make_monitor: Callable[..., Monitor], broken: Any, tmp_path: Path
) -> None:
    world.trigger = LocalTrigger(
        tmp_path / "logs", nice=0, timeout_seconds=60, command=("sh", "-c", "exit 64")
    )
    monitor = make_monitor()
    world.distort = broken["shifted"]
    while not world.windows():
        world.pass_hours(1, monitoring=False)
        monitor.poll()
    wait_for(lambda: monitor.poll() == [] and world.trigger.ready(), PATIENCE_SECONDS)

    newest = world.store.retrainings.newest(MARKET)

    assert newest.status == "failed"
    assert "exit code 64: a setting" in newest.detail
    assert world.kinds().count("RetrainingFailed") == 1


def test_monitor_ends_its_training_when_closed(
    world: Any, make_monitor: Callable[..., Monitor], broken: Any
) -> None:
    monitor = make_monitor()
    world.distort = broken["shifted"]
    while not world.windows():
        world.pass_hours(1, monitoring=False)
        monitor.poll()

    monitor.close()

    newest = world.store.retrainings.newest(MARKET)
    assert newest.status == "failed"
    assert newest.detail.startswith("ended because the monitor was stopped")


def settings_for(tmp_path: Path, world: Any) -> Settings:
    """Settings over the world's store, on a clock that stands near its hour."""
    return Settings.model_validate(
        {
            "home_dir": tmp_path,
            "markets": [
                {"symbol": "BTC-USD", "sources": [{"exchange": "replay", "pair": "BTC-USD"}]}
            ],
            "clock": {
                "simulated_at": world.now,
                "real_at": datetime.fromtimestamp(time.time(), tz=world.now.tzinfo),
            },
            "monitoring": {"poll_seconds": 0.01},
        }
    )


def test_run_scores_until_it_is_stopped(world: Any, tmp_path: Path) -> None:
    world.pass_hours(5, monitoring=False)
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop, settings_for(tmp_path, world)))
    thread.start()
    try:
        wait_for(lambda: world.store.notes.get(f"monitor:{MARKET}") is not None, PATIENCE_SECONDS)
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)

    assert not thread.is_alive()
    assert len(world.store.scores.read(MARKET)) == 1 + 2 + 3 + 4


@pytest.fixture
def environment(tmp_path: Path, world: Any) -> dict[str, str]:
    settings = settings_for(tmp_path, world)
    assert settings.clock.simulated_at is not None and settings.clock.real_at is not None
    return {
        **os.environ,
        "TIDECAST_HOME_DIR": str(tmp_path),
        "TIDECAST_CLOCK__SIMULATED_AT": settings.clock.simulated_at.isoformat(),
        "TIDECAST_CLOCK__REAL_AT": settings.clock.real_at.isoformat(),
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_monitoring_process_ends_clean_after_a_signal(
    world: Any, environment: dict[str, str], number: signal.Signals
) -> None:
    world.pass_hours(3, monitoring=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "monitoring"], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )
    try:
        wait_for(lambda: len(world.store.scores.read(MARKET)) == 3, PATIENCE_SECONDS)
        process.send_signal(number)
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()

    assert process.returncode == 0
    assert b'"event": "monitoring_stopped"' in log


def test_monitoring_process_refuses_a_wrong_setting(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "monitoring"],
        cwd=ROOT,
        env={**environment, "TIDECAST_MONITORING__MIN_T": "-1"},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert ended.returncode == 64
    assert b"TIDECAST_MONITORING__MIN_T" in ended.stderr
