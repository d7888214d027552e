import os

import pytest

from cli import session
from tidecast.errors import ConfigurationError

REPLAY = {"TIDECAST_CLOCK__SPEED": "720", "TIDECAST_CLOCK__REAL_AT": "2025-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("TIDECAST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TIDECAST_HOME_DIR", str(tmp_path))
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def variables(tmp_path):
    folder = tmp_path / "replay"
    folder.mkdir()
    at = {"TIDECAST_CLOCK__SIMULATED_AT": "2019-08-01T00:00:00Z"}
    return REPLAY | at | {"TIDECAST_HOME_DIR": str(folder)}


def test_commands_use_the_own_settings_when_up_never_ran(tmp_path):
    assert session.command_settings().home_dir == tmp_path


def test_commands_use_the_settings_of_a_running_replay(tmp_path, variables):
    session.write_note(tmp_path, variables)
    with session.running(tmp_path):
        settings = session.command_settings()
    assert settings.home_dir == tmp_path / "replay"
    assert settings.clock.speed == 720


def test_commands_leave_the_note_alone_when_the_environment_has_a_clock(
    tmp_path, variables, monkeypatch
):
    session.write_note(tmp_path, variables)
    monkeypatch.setenv("TIDECAST_CLOCK__SIMULATED_AT", "2020-01-01T00:00:00Z")
    assert session.command_settings().home_dir == tmp_path


def test_commands_use_the_own_settings_after_up_ran_live(tmp_path, variables):
    session.write_note(tmp_path, variables)
    session.write_note(tmp_path, {})
    assert session.command_settings().home_dir == tmp_path


def test_commands_use_the_own_settings_when_the_replay_was_deleted(tmp_path, variables):
    session.write_note(tmp_path, variables)
    (tmp_path / "replay").rmdir()
    assert session.command_settings().home_dir == tmp_path


def test_second_up_in_the_same_folder_is_refused(tmp_path):
    with (
        session.running(tmp_path),
        pytest.raises(ConfigurationError, match="another `tidecast up` runs"),
        session.running(tmp_path),
    ):
        pass


def test_running_is_known_from_outside_and_ends_with_it(tmp_path):
    with session.running(tmp_path):
        assert session.is_running(tmp_path)
    assert not session.is_running(tmp_path)


def test_damaged_note_says_what_to_do(tmp_path):
    (tmp_path / session.NOTE).write_text("{")
    with pytest.raises(ConfigurationError, match="delete it"):
        session.command_settings()
