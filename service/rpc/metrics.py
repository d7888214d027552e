"""Metrics of gRPC; methods that nobody serves share one label."""

from prometheus_client import Counter, Gauge, Histogram

from service.metrics import DURATION_BUCKETS
from service.rpc.calls import Call

UNKNOWN = "other"
"""Method label of what no service knows."""
GONE = "CANCELLED"
"""Status of a call whose client left before the answer."""

REQUESTS = Counter(
    "tidecast_grpc_requests_total",
    "gRPC calls that are over, streams too, by method and status code.",
    ["method", "code"],
)
DURATION = Histogram(
    "tidecast_grpc_request_duration_seconds",
    "Time from the arrival of a unary call to its answer.",
    ["method"],
    buckets=DURATION_BUCKETS,
)
WATCHERS = Gauge("tidecast_watchers", "Open streams of WatchForecasts.")


class Tally:
    """Counts the calls of one method; keeps the labelled children, as looking them up costs more.

    Args:
        method: ``package.Service/Method``, or ``UNKNOWN``.
        timed: whether their duration means anything.
    """

    def __init__(self, method: str, *, timed: bool) -> None:
        self._method = method
        self._counters: dict[str, Counter] = {}
        self._duration = DURATION.labels(method) if timed else None

    def count(self, call: Call) -> None:
        """Count a call that is over."""
        code = call.code or GONE
        counter = self._counters.get(code)
        if counter is None:
            counter = self._counters[code] = REQUESTS.labels(self._method, code)
        counter.inc()
        if self._duration is not None and call.answered is not None:
            self._duration.observe(call.answered - call.arrived)
