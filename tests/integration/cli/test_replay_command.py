import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import requests

TIDECAST = Path(sys.executable).with_name("tidecast")


def test_replay_keeps_the_clock_of_the_settings_and_listens_where_it_is_told():
    clock = {
        "TIDECAST_CLOCK__SIMULATED_AT": "2019-08-01T00:00:00Z",
        "TIDECAST_CLOCK__REAL_AT": "2020-01-01T00:00:00Z",
        "TIDECAST_CLOCK__SPEED": "0.000001",
    }
    child = subprocess.Popen(
        [TIDECAST, "replay", "--host", "127.0.0.2", "--port", "0", "--start", "2019-01-01"],
        env={**os.environ, **clock},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        url = ""
        simulated_at = ""
        for line in child.stdout:
            url = (re.findall(r"REPLAY_URL=(\S+)", line) or [url])[0]
            simulated_at = (re.findall(r"SIMULATED_AT=(\S+)", line) or [simulated_at])[0]
            if "SPEED" in line:
                break
        assert url.startswith("http://127.0.0.2:")
        assert simulated_at == "2019-08-01T00:00:00+00:00"
        assert requests.get(f"{url}/time", timeout=5).json()["iso"].startswith("2019-08-01")
    finally:
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        child.stdout.close()
