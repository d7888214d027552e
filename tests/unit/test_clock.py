from datetime import UTC, datetime, timedelta

import pytest

from tidecast.clock import SimulatedClock, WallClock
from tidecast.errors import ConfigurationError
from tidecast.settings import ClockSettings

REAL = datetime(2025, 6, 1, tzinfo=UTC)
SIMULATED = datetime(2019, 6, 1, tzinfo=UTC)


def test_wall_clock_is_utc_and_runs_in_real_time():
    clock = WallClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.real_seconds(timedelta(minutes=2)) == 120.0
    assert not clock.simulated


def test_simulated_clock_runs_at_its_speed(monkeypatch):
    monkeypatch.setattr("time.time", lambda: (REAL + timedelta(seconds=5)).timestamp())
    clock = SimulatedClock(REAL, SIMULATED, speed=720.0)
    assert clock.now() == SIMULATED + timedelta(hours=1)
    assert clock.real_seconds(timedelta(hours=1)) == 5.0
    assert clock.simulated


def test_clock_settings_give_the_wall_clock_by_default():
    assert isinstance(ClockSettings().build(), WallClock)


def test_clock_settings_give_all_processes_the_same_simulated_clock():
    settings = ClockSettings(simulated_at=SIMULATED, real_at=REAL, speed=10.0)
    assert settings.build() == SimulatedClock(REAL, SIMULATED, 10.0)


def test_clock_settings_refuse_a_simulated_time_without_its_anchor():
    with pytest.raises(ConfigurationError, match="TIDECAST_CLOCK__REAL_AT"):
        ClockSettings(simulated_at=SIMULATED).build()
