"""``python -m service`` refuses wrong settings in one line, and starts BentoML otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import ROOT, serve_command, serve_environment
from tidecast.exit_codes import ExitCode
from tidecast.settings import Settings


def _run(**more: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if "TIDECAST" not in key}
    return subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={**kept, **more},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIDECAST_SERVICE__PORT", "70000"),
        ("TIDECAST_SERVICE__POLL_SECONDS", "0"),
        ("TIDECAST_CLOCK__SIMULATED_AT", "2025-01-01T00:00:00Z"),
        ("TIDECAST_DEFAULT_LEVELS", "[0.123]"),
    ],
)
def test_service_process_names_the_wrong_setting_in_one_line(name: str, value: str) -> None:
    done = _run(**{name: value})
    assert done.returncode == ExitCode.CONFIGURATION
    (line,) = done.stderr.splitlines()
    assert line.startswith("service: TIDECAST_")
    assert name.split("__")[0] in line


def test_serve_command_listens_where_the_settings_say() -> None:
    command = serve_command(Settings())
    assert command[-4:] == ["--host", "127.0.0.1", "--port", "3000"]


def test_serve_environment_has_absolute_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    monkeypatch.setenv("TIDECAST_CONFIG_FILE", "tidecast.yaml")
    (tmp_path / "tidecast.yaml").write_text("horizon: 12\n")
    environment = serve_environment(Settings())
    assert environment["BENTOML_HOME"] == str(tmp_path / ".tidecast" / "bentoml")
    assert environment["TIDECAST_HOME_DIR"] == str(tmp_path / ".tidecast")
    assert environment["TIDECAST_CONFIG_FILE"] == str(tmp_path / "tidecast.yaml")
