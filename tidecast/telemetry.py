"""Logs and the metrics that more than one process keeps.

Log lines go to stderr, one JSON object each (or text for people), with the keys ``timestamp``
(RFC 3339 UTC), ``level``, ``process``, ``event`` and the fields of the event. Lines of third-party
libraries get the same form. A metric that one process keeps lives with that process.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from prometheus_client import Counter
from structlog.typing import Processor

from tidecast.log_handler import LogHandler

LOOP_FAILURES = Counter(
    "tidecast_loop_failures_total",
    "Unexpected errors caught in the outermost loop of a process.",
    ["process"],
)

QUIET_LIBRARIES = (
    "alembic",
    "mlflow",
    "urllib3",
    "matplotlib",
    "git",
    "asyncio",
    "botocore",
    "kubernetes",
)
"""Libraries that write at info what only a debugging person wants to read, some of it secrets."""

_HANDLER_NAME = "tidecast"


def configure_logging(level: str, format: str, process: str, stream: TextIO | None = None) -> None:
    """Send the logs of this process to one place in one form; calling it again replaces both.

    Args:
        level: least severe level that is written: debug, info, warning or error.
        format: ``json`` or ``text``.
        process: name of the process, shown in every line.
        stream: where to write; None means stderr.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _process_adder(process),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = LogHandler(stream or sys.stderr)
    handler.set_name(_HANDLER_NAME)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(format, stream or sys.stderr),
            ],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == _HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_number(level))
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, _number(level)))


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Logger whose calls are ``log.info("event_name", field=value)``."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _process_adder(process: str) -> Processor:
    def add(
        logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add


def _renderers(format: str, stream: TextIO) -> list[Processor]:
    if format == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
