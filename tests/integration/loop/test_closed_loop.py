"""The promise of the project, seen from outside: a bad champion is found and replaced.

`tidecast up` replays the sample on a simulated clock; everything else is the real thing: HTTP,
SQLite, MLflow, BentoML, training in a process of its own.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

TIDECAST = Path(sys.executable).with_name("tidecast")
SPEED = "2400"
LIMIT_SECONDS = 240.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # or a zombie: a training that has ended
        return []


class Loop:
    """A running `tidecast up`, and a client that asks without a pause and counts failures."""

    def __init__(self, home: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            "TIDECAST_HOME_DIR": str(home),
            "TIDECAST_SERVICE__GRPC_PORT": "null",
            "TIDECAST_MONITORING__MIN_SCORED": "8",
            "TIDECAST_MONITORING__MAX_MODEL_AGE_DAYS": "30",
            "TIDECAST_TRAINING__TRAIN_DAYS": "180",
        }
        self.log = (home.parent / "up.log").open("w")
        command = [str(TIDECAST), "up", "--replay", "--speed", SPEED, "--port", str(port)]
        self.child = subprocess.Popen(
            command, env=self.environment, stdout=self.log, stderr=subprocess.STDOUT
        )
        self.failures: list[str] = []
        self.answers = 0
        self._stop = threading.Event()
        self._client = threading.Thread(target=self._ask_all_the_time, daemon=True)

    def get(self, path: str) -> dict[str, Any]:
        answer = requests.get(self.url + path, timeout=10)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def forecast(self) -> dict[str, Any] | None:
        try:
            return self.get("/v1/forecasts/BTC-USD")
        except requests.RequestException:
            return None

    def until(self, happened: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            assert self.child.poll() is None, "tidecast up has ended"
            if found := happened():
                return found
            time.sleep(0.2)
        raise AssertionError(f"not within {LIMIT_SECONDS} s; see {self.log.name}")

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [str(TIDECAST), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def service_pids(self) -> set[int]:
        family = psutil.Process(self.child.pid).children(recursive=True)
        return {one.pid for one in family if "service.worker" in _command(one)}

    def begin_asking(self) -> None:
        self._client.start()

    def stop(self) -> int:
        self._stop.set()
        if self._client.is_alive():
            self._client.join(15)
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(60)
        self.log.close()
        return code

    def _ask_all_the_time(self) -> None:
        session = requests.Session()
        while not self._stop.wait(0.05):
            try:
                answer = session.get(self.url + "/v1/forecasts/BTC-USD", timeout=10)
            except requests.RequestException as error:
                self.failures.append(repr(error))
                continue
            self.answers += 1
            if answer.status_code != 200:
                self.failures.append(f"{answer.status_code}: {answer.text[:200]}")
        session.close()


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    running = Loop(tmp_path_factory.mktemp("loop") / "home", port)
    yield running
    if running.child.poll() is None:
        running.stop()


def test_up_serves_a_forecast_that_says_it_is_replayed(loop: Loop) -> None:
    answer = loop.until(loop.forecast)
    assert len(answer["steps"]) == 24
    assert answer["simulated"] is True
    assert "replayed data" in answer["degraded"]
    assert answer["source"] == "replay:BTC-USD"


def test_up_scores_matured_forecasts_beside_the_random_walk(loop: Loop) -> None:
    def scored() -> Any:
        board = loop.get("/v1/scores/BTC-USD")
        return [row for row in board["steps"] if row["n"] > 0]

    rows = loop.until(scored)
    assert {"crps", "baseline_crps"} <= set(rows[0])


def test_broken_champion_is_replaced_without_restart_or_failed_request(loop: Loop) -> None:
    first = loop.until(loop.forecast)["model_version"]
    pids = loop.service_pids()
    loop.begin_asking()
    loop.command("promote", "BTC-USD:1h", "--force", "--broken")
    broken = loop.until(lambda: (loop.forecast() or {}).get("model_version") != first)
    assert broken
    bad = loop.forecast()["model_version"]  # type: ignore[index]
    loop.until(lambda: (loop.forecast() or {}).get("model_version") not in (None, first, bad))
    assert loop.service_pids() == pids
    assert loop.failures == []
    assert loop.answers > 50
    history = loop.get("/v1/models")
    assert "BROKEN ON PURPOSE" in str(history)


def test_up_ends_cleanly_on_sigterm(loop: Loop) -> None:
    assert loop.stop() == 0
    assert "Traceback" not in Path(loop.log.name).read_text()
