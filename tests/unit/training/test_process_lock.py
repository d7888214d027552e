import subprocess
import sys
from pathlib import Path

import pytest

from tidecast.timeframes import Market
from training.process_lock import TrainingLocks

ROOT = Path(__file__).parents[3]
MARKET = Market("BTC-USD", "1h")

HOLDS = """
import sys, time
from pathlib import Path
from tidecast.timeframes import Market
from training.process_lock import TrainingLocks
with TrainingLocks(Path(sys.argv[1])).held(Market("BTC-USD", "1h"), "w1"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def process(tmp_path):
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout.readline() == "held\n"
        yield started
        started.kill()


def test_training_that_runs_was_not_killed(tmp_path, process):
    assert not TrainingLocks(tmp_path).was_killed(MARKET, "w1")


def test_training_whose_process_is_gone_was_killed(tmp_path, process):
    process.kill()
    process.wait()
    assert TrainingLocks(tmp_path).was_killed(MARKET, "w1")


def test_training_of_another_window_market_or_machine_is_not_called_killed(tmp_path):
    locks = TrainingLocks(tmp_path)
    with locks.held(MARKET, "w1"):
        pass
    assert not locks.was_killed(MARKET, "w2")
    assert not locks.was_killed(Market("ETH-USD", "1h"), "w1")
    assert not TrainingLocks(tmp_path / "elsewhere").was_killed(MARKET, "w1")


def test_lock_of_the_next_training_replaces_that_of_the_last(tmp_path):
    locks = TrainingLocks(tmp_path)
    with locks.held(MARKET, "w1"):
        pass
    with locks.held(MARKET, "w2"):
        assert not locks.was_killed(MARKET, "w2")
    assert [path.name for path in tmp_path.iterdir()] == ["BTC-USD-1h.lock"]
