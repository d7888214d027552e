"""`python -m monitoring`: watch all markets until SIGTERM or Ctrl-C.

Exit codes are those of tidecast/exit_codes.py: 0 after a signal, 64 when a setting is wrong.
"""

import argparse
import signal
import sys
import threading
from types import FrameType

from prometheus_client import start_http_server

from monitoring.loop import run
from tidecast.errors import TidecastError
from tidecast.exit_codes import ExitCode, exit_code
from tidecast.settings import load_settings
from tidecast.telemetry import configure_logging, get_logger

_log = get_logger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal; returns the exit code."""
    parser = argparse.ArgumentParser("python -m monitoring", description=__doc__)
    parser.add_argument("--metrics-host", default="127.0.0.1", help="address of /metrics")
    parser.add_argument("--metrics-port", type=int, help="port of /metrics; not served without it")
    options = parser.parse_args(arguments)
    stop = _stopped_by_signals()
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format, "monitoring")
        if options.metrics_port is not None:
            start_http_server(options.metrics_port, options.metrics_host)
        run(stop, settings)
    except TidecastError as e:
        configure_logging("info", "json", "monitoring")
        _log.error("monitoring_ended", error=str(e))
        return exit_code(e)
    except Exception as e:
        _log.exception("monitoring_ended")
        return exit_code(e)
    return ExitCode.OK


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop


if __name__ == "__main__":
    sys.exit(main())
