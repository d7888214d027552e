"""``python -m service.worker``: check the settings, then be BentoML's worker.

It gets here what BentoML's supervisor would give it.
"""

import os
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from service.memory_keeper import start_memory_keeper

if TYPE_CHECKING:
    from tidecast.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
"""Where BentoML has to start from: the worker finds ``service.app`` there."""
SERVICE = "service.app:Tidecast"
WORKER_MODULE = "_bentoml_impl.worker.service"
BACKLOG = 2048
"""Connections that may wait to be accepted; BentoML's default."""


def main() -> int:
    """Exit code; returns only when the settings are wrong or the port is taken."""
    start_memory_keeper()  # before there is a socket
    leave_arrow_out()
    from service.start_checks import checked_settings, listen
    from tidecast.errors import ConfigurationError
    from tidecast.exit_codes import exit_code

    try:
        settings = checked_settings()
        listening = listen(settings.service.host, settings.service.port, "TIDECAST_SERVICE__PORT")
    except ConfigurationError as error:
        sys.stderr.write(f"service: {error}\n")
        return exit_code(error)
    os.environ.update(worker_environment(settings))
    os.chdir(ROOT)
    sys.argv = [WORKER_MODULE, *worker_arguments(listening.fileno())]
    runpy.run_module(WORKER_MODULE, run_name="__main__", alter_sys=True)
    raise AssertionError("BentoML's worker ends the process")


def leave_arrow_out() -> None:
    """Keep pandas from Arrow, which it loads where it finds it: 40 MB that no forecast needs.

    To be called before pandas is imported: what pandas has found it goes on asking for.
    """
    sys.modules["pyarrow"] = None  # type: ignore[assignment]


def worker_arguments(listening: int) -> list[str]:
    """Arguments of BentoML's worker; its working folder must be ``ROOT``.

    Args:
        listening: number of the bound socket.
    """
    return [SERVICE, "--fd", str(listening), "--backlog", str(BACKLOG), "--worker-id", "1"]


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


if __name__ == "__main__":
    sys.exit(main())
