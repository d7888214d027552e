from datetime import UTC, datetime, timedelta

from monitoring.loop import LEASE_MARGIN_SECONDS, plan_for
from tidecast.clock import SimulatedClock, WallClock
from tidecast.settings import Settings
from tidecast.timeframes import Market

NOW = datetime(2025, 3, 1, tzinfo=UTC)


def test_plan_counts_the_cooldown_in_candles_of_the_market() -> None:
    lengths = {
        interval: plan_for(Settings(), Market("BTC-USD", interval), WallClock()).policy.cooldown
        for interval in ("5m", "1h", "1d")
    }

    assert lengths == {
        "5m": timedelta(hours=2),
        "1h": timedelta(hours=24),
        "1d": timedelta(days=24),
    }


def test_plan_turns_off_the_age_limit_when_it_is_none() -> None:
    settings = Settings.model_validate({"monitoring": {"max_model_age_days": None}})

    assert plan_for(settings, Market("BTC-USD", "1h"), WallClock()).policy.max_model_age is None


def test_plan_measures_the_lease_on_the_clock_of_the_process() -> None:
    market, clock = Market("BTC-USD", "1h"), SimulatedClock(NOW, NOW, speed=100.0)
    real_seconds = Settings().training.timeout_seconds + LEASE_MARGIN_SECONDS

    assert plan_for(Settings(), market, WallClock()).lease_seconds == real_seconds
    assert plan_for(Settings(), market, clock).lease_seconds == 100 * real_seconds
