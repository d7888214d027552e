import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from ingestion.__main__ import main
from tidecast.store import Store
from tidecast.timeframes import Market

NOW = datetime(2025, 3, 10, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKET = Market("BTC-USD", "1h")
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.timeout(180)

KILLED_BEFORE_COMMIT = """
import os, signal
from sqlalchemy import event
from sqlalchemy.engine import Engine
from ingestion import spans
from ingestion.__main__ import main

spans.CHUNK_CANDLES = 100
written = []

@event.listens_for(Engine, "before_cursor_execute")
def note(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO candle_revisions"):
        written.append(statement)

@event.listens_for(Engine, "commit")
def kill(connection):
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

main([])
"""


@pytest.fixture
def environment(tmp_path, bench):
    """Environment of a process that ingests 100 days from the first exchange of the bench."""
    bench.first.now = bench.second.now = NOW
    market = {"symbol": "BTC-USD", "sources": [{"exchange": "replay", "pair": "BTC-USD"}]}
    settings = {
        "HOME_DIR": str(tmp_path),
        "MARKETS": json.dumps([market]),
        "INGESTION__REPLAY_URL": bench.first.url,
        "INGESTION__HISTORY_DAYS": "100",
        "INGESTION__FEAR_GREED": "false",
        "INGESTION__MAX_ATTEMPTS": "1",
        "CLOCK__SIMULATED_AT": NOW.isoformat(),
        "CLOCK__REAL_AT": datetime.now(UTC).isoformat(),
    }
    machine = {k: v for k, v in os.environ.items() if not k.startswith("TIDECAST_")}
    return machine | {f"TIDECAST_{name}": value for name, value in settings.items()}


def _start(environment, *arguments):
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def _lines(process):
    return [json.loads(line) for line in process.communicate(timeout=100)[1].splitlines()]


def test_ingestion_process_fills_the_store_and_logs_json(environment, bench, candles):
    process = _start(environment, "-m", "ingestion")
    line = _lines(process)[-1]
    assert process.returncode == 0
    assert (line["event"], line["process"], line["inserted"]) == (
        "market_ingested",
        "ingestion",
        479,
    )
    pd.testing.assert_frame_equal(bench.stored, candles.iloc[:-1])


def test_killed_between_write_and_commit_leaves_nothing_half_written(environment, bench, candles):
    process = _start(environment, "-c", KILLED_BEFORE_COMMIT)
    process.communicate(timeout=100)
    assert process.returncode == -signal.SIGKILL
    assert 0 < len(bench.stored) < 200
    pd.testing.assert_frame_equal(bench.stored, candles.iloc[: len(bench.stored)])
    again = _start(environment, "-m", "ingestion")
    _lines(again)
    assert again.returncode == 0
    pd.testing.assert_frame_equal(bench.stored, candles.iloc[:-1])


def test_two_ingestions_at_once_leave_no_duplicate(environment, bench, candles):
    both = [_start(environment, "-m", "ingestion") for _ in range(2)]
    lines = [_lines(process)[-1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(line["inserted"] for line in lines) == 479
    assert bench.store.candles.version(MARKET) == 479
    pd.testing.assert_frame_equal(bench.stored, candles.iloc[:-1])


@pytest.fixture
def ingest(environment, monkeypatch, capsys):
    """Runs the process's main here, which is faster; returns its exit code and log lines."""

    def run(*arguments, **changes):
        for name, value in (environment | changes).items():
            monkeypatch.setenv(name, value)
        code = main(list(arguments))
        return code, [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    on_sigterm = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, on_sigterm)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_ingestion_exits_69_when_no_source_answers(ingest, bench):
    bench.first.fault = (503, {})
    code, lines = ingest()
    assert code == 69
    assert "503" in lines[-1]["failures"]["replay:BTC-USD"]


@pytest.mark.parametrize(
    ("changes", "arguments", "code", "message"),
    [
        ({"TIDECAST_HORIZON": "0"}, [], 64, "TIDECAST_HORIZON"),
        ({}, ["--market", "DOGE-USD:1h"], 2, "DOGE-USD"),
        ({"TIDECAST_DATABASE_URL": "mysql://x/y"}, [], 64, "mysql"),
    ],
)
def test_ingestion_says_in_one_line_what_is_wrong(ingest, changes, arguments, code, message):
    exited, (line,) = ingest(*arguments, **changes)
    assert exited == code
    assert message in line["error"]


def test_one_market_that_fails_does_not_stop_the_others(ingest, environment, bench):
    markets = json.loads(environment["TIDECAST_MARKETS"])
    unknown = {"symbol": "ETH-USD", "sources": [{"exchange": "coinbase", "pair": "ETH-USD"}]}
    # The proxy refuses every connection, so that the test never leaves the machine.
    code, _ = ingest(
        TIDECAST_MARKETS=json.dumps([unknown, *markets]), HTTPS_PROXY="http://127.0.0.1:9"
    )
    assert code == 69
    assert bench.store.candles.newest(MARKET).open_time == datetime(2025, 3, 10, 11, tzinfo=UTC)


def test_market_that_no_source_knows_is_the_operators_and_others_go_on(ingest, environment, bench):
    bench.first.unknown = {"NOPE-USD"}
    markets = json.loads(environment["TIDECAST_MARKETS"])
    nope = {"symbol": "NOPE-USD", "sources": [{"exchange": "replay", "pair": "NOPE-USD"}]}
    code, lines = ingest(TIDECAST_MARKETS=json.dumps([nope, *markets]))
    refused, served = [line for line in lines if line["event"] == "market_ingested"]
    assert code == 64
    assert (refused["market"], refused["level"]) == ("NOPE-USD:1h", "warning")
    assert "'NOPE-USD'" in refused["failures"]["replay:NOPE-USD"]
    assert (served["market"], served["inserted"]) == ("BTC-USD:1h", 479)


def test_doubled_and_missed_runs_leave_no_trace_in_postgresql(
    environment, bench, candles, postgres
):
    url = postgres.create()
    environment["TIDECAST_DATABASE_URL"] = url
    bench.first.now = NOW - 5 * HOUR
    earlier = {"TIDECAST_CLOCK__SIMULATED_AT": (NOW - 5 * HOUR).isoformat()}
    doubled = [_start(environment | earlier, "-m", "ingestion") for _ in range(2)]
    lines = [_lines(process)[-1] for process in doubled]
    assert [process.returncode for process in doubled] == [0, 0]
    assert sum(line["inserted"] for line in lines) == 474

    bench.first.now = NOW  # five runs were missed
    (line,) = [_lines(_start(environment, "-m", "ingestion"))[-1]]
    assert (line["inserted"], line["revised"], line["gaps"]) == (5, 0, 0)
    with Store(url) as store:
        pd.testing.assert_frame_equal(store.candles.read(MARKET), candles.iloc[:-1])
        assert store.candles.version(MARKET) == 479
        assert store.events.read() == []


def test_sigterm_ends_an_ingestion_that_waits_for_its_source(environment, bench):
    bench.first.silent_seconds = 30
    process = _start(environment, "-m", "ingestion")
    while not bench.first.asked:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=100)
    assert process.returncode == 130
