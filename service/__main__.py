"""``python -m service``: check the settings, then become ``bentoml serve``."""

import os
import sys
from pathlib import Path

from service.start_checks import checked_settings
from tidecast.errors import ConfigurationError
from tidecast.exit_codes import exit_code
from tidecast.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
"""Where BentoML has to start from: it puts this folder on the path of the worker."""


def serve_command(settings: Settings) -> list[str]:
    """Arguments of the process that serves; its working folder must be ``ROOT``."""
    address = ["--host", settings.service.host, "--port", str(settings.service.port)]
    return [sys.executable, "-m", "bentoml", "serve", "service.app:Tidecast", *address]


def serve_environment(settings: Settings) -> dict[str, str]:
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


def main() -> int:
    """Replace this process by the service; returns only when the settings are wrong."""
    try:
        settings = checked_settings()
    except ConfigurationError as error:
        sys.stderr.write(f"service: {error}\n")
        return exit_code(error)
    environment = {**os.environ, **serve_environment(settings)}
    os.chdir(ROOT)
    command = serve_command(settings)
    os.execve(command[0], command, environment)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
