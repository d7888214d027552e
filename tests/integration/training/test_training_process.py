"""`python -m training` from outside: what it does, what it says, how it ends."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidecast.exit_codes import ExitCode
from tidecast.timeframes import Market
from training.__main__ import main

MARKET = Market("BTC-USD", "1h")
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.timeout(180)
TRAINING = {"train_days": 95, "min_train_candles": 500, "judge_candles": 100}


def environment(home: Path, **changes: str) -> dict[str, str]:
    return {
        "TIDECAST_HOME_DIR": str(home),
        "TIDECAST_HORIZON": "4",
        "TIDECAST_TRAINING": json.dumps(TRAINING),
        "TIDECAST_CLOCK__SIMULATED_AT": "2025-02-20T00:05:00Z",
        "TIDECAST_CLOCK__REAL_AT": "2025-02-20T00:05:00Z",
        "TIDECAST_CLOCK__SPEED": "1e-9",
        **changes,
    }


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "training", "--market", "BTC-USD:1h", "--window", "w1", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment(home)},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def claimed(workshop):
    workshop.store.retrainings.claim(MARKET, "w1", "drift", workshop.now, lease_seconds=600)
    return workshop


def test_claimed_training_promotes_and_finishes_its_window(claimed):
    process = start(claimed.home, "--model", "random_walk", "--reason", "drift")
    _, log = process.communicate(timeout=150)
    lines = [json.loads(line) for line in log.splitlines()]
    assert process.returncode == ExitCode.OK
    assert claimed.store.retrainings.newest(MARKET).status == "promoted"
    promotion = claimed.store.promotions.newest(MARKET)
    assert (promotion.reason, promotion.version) == ("drift", claimed.champion())
    assert lines[-1]["event"] == "training_done"
    assert {(line["process"], line["level"]) for line in lines} == {("training", "info")}


FAILURES = {
    "unknown market": (("--market", "DOGE-USD:1h"), {}, ExitCode.USAGE),
    "bad setting": ((), {"TIDECAST_HORIZON": "0"}, ExitCode.CONFIGURATION),
    "unknown model": (("--model", "oracle"), {}, ExitCode.CONFIGURATION),
    "no market and no index": ((), {}, ExitCode.USAGE),
    "index after the last market": (
        (),
        {"JOB_COMPLETION_INDEX": "3"},
        ExitCode.CONFIGURATION,
    ),
    "index that is no number": ((), {"JOB_COMPLETION_INDEX": "-1"}, ExitCode.CONFIGURATION),
    "no candles": (("--market", "ETH-USD:1h"), {}, ExitCode.NO_CANDLES),
    "no registry": (
        (),
        {"TIDECAST_MLFLOW_TRACKING_URI": "http://127.0.0.1:9"},
        ExitCode.UNAVAILABLE,
    ),
    "no store": (
        (),
        {"TIDECAST_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"},
        ExitCode.UNAVAILABLE,
    ),
}


@pytest.fixture
def undisturbed() -> Iterator[None]:
    """Puts back what a process sets up for itself."""
    root = logging.getLogger()
    on_sigterm, handlers, level = signal.getsignal(signal.SIGTERM), root.handlers[:], root.level
    yield
    signal.signal(signal.SIGTERM, on_sigterm)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("case", FAILURES)
def test_exit_code_says_who_must_act(case, workshop, monkeypatch, undisturbed):
    arguments, changes, expected = FAILURES[case]
    for name, value in environment(workshop.home, **changes).items():
        monkeypatch.setenv(name, value)
    named = [] if "index" in case else ["--market", "BTC-USD:1h"]
    assert main([*named, "--model", "random_walk", *arguments]) == expected
    assert workshop.champion() is None


def test_index_of_a_pod_picks_the_market_of_the_settings(
    workshop, monkeypatch, undisturbed, capsys
):
    markets = [
        {"symbol": symbol, "sources": [{"exchange": "replay", "pair": symbol}]}
        for symbol in ("ETH-USD", "BTC-USD")
    ]
    changes = {"TIDECAST_MARKETS": json.dumps(markets), "JOB_COMPLETION_INDEX": "1"}
    for name, value in environment(workshop.home, **changes).items():
        monkeypatch.setenv(name, value)
    assert main(["--model", "random_walk"]) == ExitCode.OK
    assert workshop.store.promotions.newest(MARKET) is not None
    done = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert done["market"] == "BTC-USD:1h"
    assert 50 < done["peak_memory_mib"] < 4000


def test_named_market_wins_over_the_index_of_the_pod(workshop, monkeypatch, undisturbed):
    for name, value in environment(workshop.home, JOB_COMPLETION_INDEX="2").items():
        monkeypatch.setenv(name, value)
    assert main(["--market", "BTC-USD:1h", "--model", "random_walk"]) == ExitCode.OK
    assert workshop.store.promotions.newest(MARKET) is not None


def test_sigterm_ends_a_training_that_is_still_loading(workshop):
    with start(workshop.home) as process:
        while not _listens(process, signal.SIGTERM):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == ExitCode.INTERRUPTED


def _listens(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1]
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_sigterm_ends_it_with_the_window_failed_and_nothing_promoted(claimed):
    with start(claimed.home, "--model", "ensemble") as process:
        for line in process.stderr:
            if "fitting ensemble" in line:
                break
        process.send_signal(signal.SIGTERM)
        log = process.stderr.read()
        assert process.wait(20) == ExitCode.INTERRUPTED
    assert json.loads(log.splitlines()[-1])["error"] == "asked to end"
    newest = claimed.store.retrainings.newest(MARKET)
    assert (newest.status, newest.detail) == ("failed", "asked to end")
    assert claimed.champion() is None
