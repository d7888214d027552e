from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidecast.errors import RegistryUnavailable
from tidecast.store import Store
from tidecast.timeframes import Market
from training.claimed import train_claimed
from training.run import TrainingOutcome

MARKET = Market("BTC-USD", "1h")
NOW = datetime(2025, 2, 20, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(f"sqlite:///{tmp_path / 'tidecast.db'}")
    store.migrate()
    assert store.retrainings.claim(MARKET, "w1", "drift", NOW, lease_seconds=60)
    return store


def kept() -> TrainingOutcome:
    return TrainingOutcome("kept", "2", None, "not better")


def test_end_of_a_claimed_training_is_written_down(store):
    assert train_claimed(store, MARKET, "w1", kept, lambda: NOW) == kept()
    newest = store.retrainings.newest(MARKET)
    assert (newest.status, newest.detail, newest.finished_at) == ("kept", "not better", NOW)


@pytest.mark.parametrize("error", [RegistryUnavailable("MLflow is away"), KeyboardInterrupt()])
def test_training_that_breaks_off_is_written_down_as_failed(store, error):
    def train() -> TrainingOutcome:
        raise error

    with pytest.raises(type(error)):
        train_claimed(store, MARKET, "w1", train, lambda: NOW)
    newest = store.retrainings.newest(MARKET)
    assert newest.status == "failed"
    assert newest.detail == (str(error) or "KeyboardInterrupt")


def test_window_that_nobody_claimed_changes_nothing(store):
    assert train_claimed(store, MARKET, "unknown", kept, lambda: NOW) == kept()
    assert store.retrainings.newest(MARKET).status == "running"
