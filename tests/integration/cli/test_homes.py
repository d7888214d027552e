"""Homes whose names have characters that mean something in a URL, or are not ASCII."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.replaying import ROOT
from cli.session import command_settings, running, write_note
from cli.up.replay_settings import FOLDER, REPLAY_MARKET, replay_variables, resume_instant
from tests.integration.cli.conftest import MARKET, NOW, Home, variables_of
from tidecast.clock import SimulatedClock
from tidecast.registry import Registry
from tidecast.settings import Settings, sqlite_url
from tidecast.store import Store
from training.search_storage import search_storage

pytestmark = pytest.mark.timeout(180)

NAMES = (
    "home per%20cent",
    "home qu?estion=1",
    "home #hash [bold]",
    "Zuhause für Müller",
    "home 🌊",
)


@pytest.fixture(scope="module", params=NAMES)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, filled_folder: Path
) -> Home:
    """A home alone in its folder, with candles and a champion."""
    origin, settings = (
        Settings(home_dir=filled_folder),
        Settings(home_dir=tmp_path_factory.mktemp("homes") / str(request.param)),
    )
    model = Registry(origin.tracking_uri, filled_folder / "models").fetch(MARKET, "1")
    registry = Registry(settings.tracking_uri, settings.home_dir / "models")
    version = registry.register(MARKET, model, parameters={}, metrics={"crps": 1.0})
    registry.point(MARKET, version)
    with Store(origin.store_url) as store:
        candles = store.candles.read(MARKET)
    with Store(settings.store_url) as store:
        store.migrate()
        store.candles.upsert(MARKET, candles, "replay:BTC-USD", lambda: NOW)
        store.promotions.add(MARKET, version, previous=None, at=NOW, by="test", reason="test")
    return Home(settings.home_dir, variables_of(settings.home_dir))


def test_home_has_all_files_and_nothing_lies_beside_it(filled: Home) -> None:
    assert [path.name for path in filled.folder.parent.iterdir()] == [filled.folder.name]
    files = {path.name for path in filled.folder.iterdir()}
    assert {"tidecast.db", "mlflow.db", "mlartifacts"} <= files


def test_home_is_found_again_by_another_process(filled: Home) -> None:
    status = filled.json("status")
    assert status["home_dir"] == str(filled.folder)
    assert str(filled.folder) in filled.run("status").stdout
    assert status["markets"][0]["champion"] == "1"
    assert filled.json("forecast", "BTC-USD")["model_version"] == "1"


def test_home_is_found_again_by_a_replay_and_by_the_commands_beside_it(
    filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled.folder / FOLDER
    clock = SimulatedClock(datetime.now(UTC), NOW, 60.0)
    for name, value in replay_variables(folder, clock, "http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    with Store(sqlite_url(filled.folder / "tidecast.db")) as live:
        candles = live.candles.read(MARKET)
    with Store(settings.store_url) as store:
        store.migrate()
        store.candles.upsert(REPLAY_MARKET, candles, "replay:BTC-USD", lambda: NOW)
    assert (folder / "tidecast.db").exists()
    assert resume_instant(folder) == candles.index[-1] + timedelta(hours=1, seconds=1)
    write_note(filled.folder, replay_variables(folder, clock, "http://127.0.0.1:1"))
    monkeypatch.setenv("TIDECAST_HOME_DIR", str(filled.folder))
    monkeypatch.delenv("TIDECAST_CLOCK__SIMULATED_AT")
    with running(filled.folder):
        found = command_settings()
    (filled.folder / "session.json").unlink()
    assert (found.home_dir, found.store_url) == (folder, settings.store_url)


def test_home_reaches_a_child_process_as_it_is(filled: Home) -> None:
    code = "from tidecast.settings import load_settings as s; print(ascii(str(s().home_dir)))"
    environment = {**os.environ, "TIDECAST_HOME_DIR": str(filled.folder), "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == ascii(str(filled.folder)), done.stderr


def test_home_keeps_the_trials_of_a_search(filled: Home) -> None:
    with search_storage(sqlite_url(filled.folder / "tidecast.db")):
        pass
    assert (filled.folder / "search.db").exists()
