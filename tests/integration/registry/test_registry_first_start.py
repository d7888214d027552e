"""The first start makes MLflow's tables, and may be killed while it does."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tidecast.registry.writing import Writer

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_first_start_that_is_killed_leaves_nothing_that_stops_the_next(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    code = f"from tidecast.registry.writing import Writer; Writer({uri!r}).prepare()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    draft = tmp_path / "mlflow.db.new"
    deadline = time.monotonic() + 40
    while not (draft.exists() and draft.stat().st_size > 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    Writer(uri).prepare()
    assert (tmp_path / "mlflow.db").stat().st_size > 0
