"""What a service with, and without, API keys says when it starts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.key_ring import digest_of
from tidecast.exit_codes import ExitCode

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.timeout(180)


def _warnings(server: Any) -> list[dict[str, Any]]:
    lines = server.log.read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line["event"] == "service_open"]


def test_service_beyond_loopback_without_keys_warns_once(installation: Any) -> None:
    server = installation.serve(host="0.0.0.0")
    server.wait(lambda: server.get("/livez").status_code == 200)
    (warning,) = _warnings(server)
    server.stop()
    assert (warning["level"], warning["listens_on"]) == ("warning", ["0.0.0.0"])
    assert "tidecast key" in warning["to_do"]


def test_service_beyond_loopback_with_keys_does_not_warn(installation: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"alice: {digest_of('a key')}\n")
    server = installation.serve(
        host="0.0.0.0", TIDECAST_SERVICE__API_KEYS_FILE=str(tmp_path / "keys")
    )
    server.wait(lambda: server.get("/livez").status_code == 200)
    server.stop()
    assert _warnings(server) == []


def test_service_on_loopback_does_not_warn(server: Any) -> None:
    assert _warnings(server) == []


@pytest.mark.parametrize(
    ("module", "content"),
    [
        (["service"], None),
        (["service"], ""),
        (["service"], "alice: a-key-instead-of-its-digest\n"),
        (["bentoml", "serve", "service.app:Tidecast"], None),
    ],
)
def test_service_ends_at_once_when_the_file_of_keys_is_of_no_use(
    tmp_path: Path, module: list[str], content: str | None
) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    kept = {key: value for key, value in os.environ.items() if "TIDECAST" not in key}
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env={**kept, "BENTOML_HOME": str(tmp_path), "TIDECAST_SERVICE__API_KEYS_FILE": str(path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == ExitCode.CONFIGURATION
    *_, line = done.stderr.splitlines()
    assert line.startswith(f"service: TIDECAST_SERVICE__API_KEYS_FILE: {path}: ")
    assert "a-key-instead" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
