"""How BentoML's worker is started: what its supervisor would give it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidecast.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
"""Where BentoML has to start from: the worker finds ``service.app`` there."""
SERVICE = "service.app:Tidecast"
WORKER_MODULE = "_bentoml_impl.worker.service"


def worker_command(listening: int, backlog: int) -> list[str]:
    """Arguments of the worker; its working folder must be ``ROOT``.

    Args:
        listening: number of the bound socket that it inherits.
        backlog: connections that may wait to be accepted.
    """
    command = [sys.executable, "-m", WORKER_MODULE, SERVICE]
    return [*command, "--fd", str(listening), "--backlog", str(backlog), "--worker-id", "1"]


def worker_environment(settings: "Settings") -> dict[str, str]:
    """What the environment must hold beside what it holds already.

    BentoML wipes the metrics of another service that shares its home, so each has its own.
    """
    home = settings.home_dir.absolute()
    wanted = {
        "BENTOML_HOME": os.environ.get("BENTOML_HOME", str(home / "bentoml")),
        "BENTOML_DO_NOT_TRACK": "True",
        "TIDECAST_HOME_DIR": str(home),
    }
    if (config_file := os.environ.get("TIDECAST_CONFIG_FILE")) is not None:
        wanted["TIDECAST_CONFIG_FILE"] = str(Path(config_file).absolute())
    return wanted
