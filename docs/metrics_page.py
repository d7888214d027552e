"""Writes docs/metrics.md from the metrics themselves: `make metrics-docs`."""

from collections.abc import Iterable

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

import monitoring.metrics
import service.rpc.metrics  # noqa: F401 - registers its metrics
from service.admission import Admission
from service.board import Board
from service.metrics import BoardCollector, InflightCollector
from tidecast.clock import WallClock

HEAD = """# Metrics

Made by `make metrics-docs`; do not edit. Prometheus text stands at `/metrics` of the service and
of `python -m monitoring --metrics-port N`. Times are in seconds, ratios without unit.
"""
TABLE = "| name | type | meaning |\n| --- | --- | --- |"


def page() -> str:
    """The whole page."""
    own = [one for one in REGISTRY.collect() if one.name.startswith("tidecast_")]
    monitored = {one._name for one in vars(monitoring.metrics).values() if hasattr(one, "_name")}
    served = [one for one in own if one.name not in monitored]
    served += BoardCollector(Board([]), WallClock()).collect()
    served += InflightCollector(Admission(1)).collect()
    sections = {
        "Service": served,
        "Monitoring": [one for one in own if one.name in monitored],
    }
    parts = [f"## {title}\n\n{_table(metrics)}\n" for title, metrics in sections.items()]
    return "\n".join([HEAD, *parts]).rstrip("\n")


def _table(metrics: Iterable[Metric]) -> str:
    rows = sorted((_name(one), one.type, one.documentation) for one in metrics)
    return "\n".join([TABLE, *(f"| `{name}` | {kind} | {what} |" for name, kind, what in rows)])


def _name(metric: Metric) -> str:
    return metric.name + ("_total" if metric.type == "counter" else "")


if __name__ == "__main__":
    print(page())
