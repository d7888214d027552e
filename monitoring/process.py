"""The monitor as a process: options, logs, metrics, signals, exit code."""

import argparse
import signal
import threading
from types import FrameType

from prometheus_client import start_http_server

from monitoring.loop import run
from tidecast.errors import ConfigurationError, TidecastError
from tidecast.exit_codes import ExitCode, exit_code
from tidecast.settings import Settings, load_settings
from tidecast.telemetry import configure_logging, get_logger

PROCESS = "monitoring"
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104

_log = get_logger(__name__)


def run_process(arguments: list[str] | None = None) -> int:
    """Run until a signal; returns the exit code."""
    options = _parse(arguments)
    stop = _stopped_by_signals()
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format, PROCESS)
        _serve_metrics(options, settings)
        run(stop, settings)
    except TidecastError as e:
        configure_logging("info", "json", PROCESS)
        _log.error("monitoring_ended", error=str(e))
        return exit_code(e)
    except Exception as e:
        _log.exception("monitoring_ended")
        return exit_code(e)
    return ExitCode.OK


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m monitoring", description=__doc__)
    parser.add_argument("--metrics-host", help=f"address of /metrics; {LOOPBACK} if not set")
    parser.add_argument("--metrics-port", type=int, help="port of /metrics; not served without it")
    return parser.parse_args(arguments)


def _serve_metrics(options: argparse.Namespace, settings: Settings) -> None:
    """On the port of the options, or on that of the settings, which is for a cluster."""
    port, host = options.metrics_port, options.metrics_host or LOOPBACK
    if port is None:
        port, host = settings.monitoring.kubernetes.metrics_port, options.metrics_host or EVERYWHERE
    if port is None:
        return
    try:
        start_http_server(port, host)
    except (OSError, OverflowError) as e:
        raise ConfigurationError(f"/metrics cannot be served on {host}:{port}: {e}") from e


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop
