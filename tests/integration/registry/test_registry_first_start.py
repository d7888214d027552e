"""The first start makes MLflow's tables, and may be killed while it does."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

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


def test_first_start_is_seen_by_a_reader_that_had_the_empty_file_open(tmp_path):
    path = tmp_path / "mlflow.db"
    path.touch()
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.execute(sa.text("PRAGMA schema_version"))
        connection.rollback()
        Writer(f"sqlite:///{path}").prepare()
        connection.execute(sa.text("SELECT count(*) FROM model_versions"))
    engine.dispose()
