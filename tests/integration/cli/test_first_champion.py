import io
import json
import os
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from cli.up import first_champion
from cli.up.first_champion import FirstChampion
from cli.up.steps import Steps, Stopped
from monitoring.trigger import LocalTrigger
from tidecast.clock import WallClock
from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.timeframes import Market

ROOT = Path(__file__).parents[3]
MARKET = Market("BTC-USD", "1h")
NOW = datetime(2026, 1, 1, tzinfo=UTC)

PROMOTES = """
import json, sys, time
from datetime import UTC, datetime
from tidecast.store import Store
from tidecast.timeframes import Market
print(json.dumps({"event": "progress", "step": "fitting a toy"}), flush=True)
time.sleep(0.5)
market, now = Market("BTC-USD", "1h"), datetime.now(UTC)
Store(%r).promotions.add(market, "1", previous=None, at=now, by="x", reason="y")
"""


class Bench:
    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home_dir=folder)
        self.logs_dir = folder / "logs"
        self.url = f"sqlite:///{folder / 'tidecast.db'}"
        self.store = Store(self.url)
        self.store.migrate()
        self.written = io.StringIO()
        self.stop = threading.Event()

    def train(self, script: str) -> None:
        trigger = LocalTrigger(
            self.logs_dir, nice=0, timeout_seconds=30, command=(sys.executable, "-c", script)
        )
        steps = Steps(Console(file=self.written, soft_wrap=True), self.stop)
        FirstChampion(self.store, self.settings, WallClock(), steps, self.stop, trigger).train(
            MARKET
        )

    def leave_behind(self, window: str, line: str, age_seconds: float) -> Path:
        """A training of an `up` that is gone: its claim, and its log."""
        self.store.retrainings.claim(MARKET, window, "first champion", NOW, 1e9)
        self.logs_dir.mkdir(exist_ok=True)
        log = self.logs_dir / f"training-BTC-USD-1h-{window}.log"
        log.write_text(json.dumps({"event": "progress", "step": line}) + "\n")
        os.utime(log, (time.time() - age_seconds,) * 2)
        return log

    def last(self):
        return self.store.retrainings.newest(MARKET)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_first_champion_shows_the_progress_of_its_training(bench):
    bench.train(PROMOTES % bench.url)
    assert (
        bench.written.getvalue()
        .splitlines()[-1]
        .startswith("✓ Training BTC-USD:1h: version 1 is champion")
    )
    assert bench.last().status == "promoted"


def test_first_champion_that_fails_says_why_and_where_to_look(bench):
    bench.train("raise SystemExit(66)")
    line = bench.written.getvalue().splitlines()[-1]
    assert line.startswith("✗ Training BTC-USD:1h: no champion: exit code 66")
    assert "ingest more history" in line
    assert bench.last().status == "failed"


def test_first_champion_ends_its_training_when_the_person_stops(bench):
    threading.Timer(1.0, bench.stop.set).start()
    with pytest.raises(Stopped):
        bench.train("import time; time.sleep(60)")
    assert bench.last().status == "failed"


def test_first_champion_waits_for_a_training_that_an_earlier_up_left_behind(bench):
    bench.leave_behind("first-a", "fitting", age_seconds=0)

    def finish() -> None:
        other = Store(bench.url)
        other.promotions.add(MARKET, "7", previous=None, at=NOW, by="x", reason="y")
        other.retrainings.finish(MARKET, "first-a", "promoted", "done", NOW)
        other.close()

    threading.Timer(0.5, finish).start()
    bench.train("raise SystemExit('a second training')")
    assert "version 7 is champion" in bench.written.getvalue()
    assert bench.last().window == "first-a"


def test_first_champion_gives_up_a_training_that_died_with_its_up(bench):
    bench.leave_behind("first-a", "fitting", age_seconds=first_champion.SILENT_SECONDS + 1)
    bench.train(PROMOTES % bench.url)
    dead = next(one for one in bench.store.retrainings.history(MARKET) if one.window == "first-a")
    assert dead.status == "failed"
    assert bench.store.promotions.newest(MARKET).version == "1"
