"""The whole loop in real processes, on recorded candles and a clock that runs 3600 times as fast.

The tests of this file tell one story and run in their order.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
import requests

from cli.up.children import marked
from service.proto import forecast_pb2, forecast_pb2_grpc

ROOT = Path(__file__).parents[3]
START_SECONDS = 120
STORY_SECONDS = 300
HOME = "home per%20cent qu?estion #hash [bold] für 🌊"
"""Every kind of character that is special in a URL, in markup, or not ASCII."""
KILLS = 3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(STORY_SECONDS + 60)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Up:
    """`tidecast up` in a folder; may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home_dir = folder / HOME
        self.port = free_port()
        self.grpc_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.runs = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        machine = {k: v for k, v in os.environ.items() if not k.startswith("TIDECAST_")}
        return machine | {
            "TIDECAST_HOME_DIR": str(self.home_dir),
            "TIDECAST_MONITORING__MAX_MODEL_AGE_DAYS": "30",
        }

    def start(self, *options: str) -> None:
        self.runs += 1
        command = [sys.executable, "-c", "from cli.main import main; main()", "up", "--replay"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--speed", "3600", *self.ports, *options],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def ports(self) -> list[str]:
        return ["--port", str(self.port), "--grpc-port", str(self.grpc_port)]

    @property
    def log(self) -> Path:
        return self.folder / f"up-{self.runs}.log"

    @property
    def text(self) -> str:
        return self.log.read_text()

    def command(self, *arguments: str):
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *arguments, "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)

    def get(self, path: str):
        try:
            answer = requests.get(self.url + path, timeout=5)
        except requests.RequestException:
            return None
        return answer.json() if answer.status_code == 200 else None

    def wait(self, look, seconds: float):
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.2)
        return found

    def service_pids(self) -> list[int]:
        return marked(str(self.home_dir / "replay/logs/service"))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(40)


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    made = Up(tmp_path_factory.mktemp("up"))
    made.start("--model", "random_walk")
    yield made
    if made.process.poll() is None:
        made.stop()


def _forecast(up):
    return up.get("/v1/forecasts/BTC-USD")


def test_up_serves_a_replayed_forecast_that_says_so(up):
    answer = up.wait(lambda: _forecast(up), START_SECONDS)
    assert answer["simulated"] is True
    assert "replayed data" in answer["degraded"]
    assert (answer["source"], answer["model_version"]) == ("replay:BTC-USD", "1")
    assert len(answer["steps"]) == 24


def test_up_shows_one_banner_and_where_to_look(up):
    up.wait(lambda: "curl -s" in up.text, 20)
    assert up.text.count("REPLAY") == 1
    assert f"{up.url}/v1/forecasts/BTC-USD" in up.text


def test_up_says_where_grpc_is_and_it_is_there(up):
    up.wait(lambda: f"gRPC on 127.0.0.1:{up.grpc_port}" in up.text, 20)
    with grpc.insecure_channel(f"127.0.0.1:{up.grpc_port}") as channel:
        ask = forecast_pb2_grpc.ForecastServiceStub(channel).Forecast
        assert ask(forecast_pb2.ForecastRequest(symbol="BTC-USD"), timeout=20).simulated is True


def test_curl_line_of_the_readme_answers(up):
    paths = re.findall(r"^curl -s localhost:3000(\S+)", (ROOT / "README.md").read_text(), re.M)
    assert paths
    assert all(up.get(path) for path in paths)


def test_up_sees_hours_pass_and_forecasts_scored(up):
    first = _forecast(up)["cutoff"]
    up.wait(lambda: _forecast(up)["cutoff"] > first, 30)
    up.wait(lambda: (up.get("/v1/scores/BTC-USD") or {}).get("n"), 30)
    up.wait(lambda: "scored: CRPS" in up.text, 30)


def test_commands_in_another_terminal_see_the_replay(up):
    status = up.command("status")
    assert status["simulated"] is True
    assert status["home_dir"].endswith("replay")
    assert status["markets"][0]["champion"] == "1"


def test_forecast_of_the_running_service_is_shown(up, tmp_path):
    answer = up.command("forecast", "BTC-USD", "--url", up.url, "--png", str(tmp_path / "fan.png"))
    assert (answer["source"], len(answer["steps"])) == ("replay:BTC-USD", 24)
    assert (tmp_path / "fan.png").stat().st_size > 10_000


def test_second_up_in_the_same_folder_is_refused(up):
    command = [sys.executable, "-c", "from cli.main import main; main()", "up", "--replay"]
    done = subprocess.run(command, cwd=ROOT, env=up.environment, capture_output=True, text=True)
    assert done.returncode == 64
    assert "another `tidecast up` runs" in done.stderr


def test_service_that_dies_is_started_again(up):
    supervisor = min(up.service_pids())
    os.kill(supervisor, signal.SIGKILL)
    up.wait(lambda: "starting the service again" in up.text, 30)
    up.wait(lambda: _forecast(up), 60)


def test_ctrl_c_ends_everything_cleanly(up):
    assert up.service_pids()
    assert up.stop(signal.SIGINT) == 0
    assert "Traceback" not in up.text
    assert "goes on from it" in up.text
    assert up.service_pids() == []
    assert _forecast(up) is None


def test_commands_after_the_end_see_the_clock_stand_still(up):
    first, second = (up.command("status") for _ in range(2))
    assert first["markets"][0]["newest"] == second["markets"][0]["newest"]
    assert second["markets"][0]["data_age_seconds"] < 60


def test_up_again_goes_on_without_training(up):
    before = up.command("status")["markets"][0]
    started = time.monotonic()
    up.start("--hours", "3")
    answer = up.wait(lambda: _forecast(up), 150)
    ready_seconds = time.monotonic() - started
    assert answer["model_version"] == before["champion"]
    assert up.process.wait(150) == 0
    assert "Training" not in up.text
    assert ready_seconds < 150
    after = up.command("status")["markets"][0]
    assert after["newest"] > before["newest"]


def test_up_left_nothing_outside_its_home(up):
    assert [path.name for path in up.folder.iterdir() if path.is_dir()] == [HOME]


def test_up_starts_again_at_once_after_it_was_killed(up):
    """What it left behind still listens on its ports."""
    up.start()
    for _ in range(KILLS):
        up.wait(lambda: _forecast(up), START_SECONDS)
        left = up.service_pids()
        up.stop(signal.SIGKILL)
        assert set(up.service_pids()) >= set(left)
        up.start()
        up.wait(lambda: "Starting to serve" in up.text, START_SECONDS)
        assert not set(up.service_pids()) & set(left)
    up.wait(lambda: _forecast(up), START_SECONDS)
    assert up.stop() == 0
