from datetime import UTC, datetime, timedelta

import pytest

from monitoring.retraining import window_key

HOUR = timedelta(hours=1)
DAY = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("hours", [0, 1, 23.99])
def test_window_key_is_the_same_in_the_whole_cooldown(hours: float) -> None:
    assert window_key(DAY + hours * HOUR, 24 * HOUR) == "20250301T000000"


@pytest.mark.parametrize("hours", [0.0, 5.5, 23.99])
@pytest.mark.parametrize("cooldown_hours", [1, 5, 24, 100])
def test_window_key_is_another_one_after_the_cooldown(hours: float, cooldown_hours: int) -> None:
    first, cooldown = DAY + hours * HOUR, cooldown_hours * HOUR

    assert window_key(first, cooldown) != window_key(first + cooldown, cooldown)
