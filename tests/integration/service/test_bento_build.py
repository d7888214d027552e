"""``bentoml build`` packs what the service needs and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.timeout(180)


def test_bento_holds_the_core_and_the_service_only(tmp_path: Path) -> None:
    offline = {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True", "UV_OFFLINE": "1"}
    built = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag"],
        cwd=ROOT,
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr[-2000:]
    (bento,) = (path for path in (tmp_path / "bentos" / "tidecast").iterdir() if path.is_dir())
    packed = {path.relative_to(bento / "src") for path in (bento / "src").rglob("*.py")}
    ours = {
        path.relative_to(ROOT)
        for folder in ("tidecast", "service")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert packed == ours
    assert (bento / "src" / "requirements" / "runtime.txt").is_file()
