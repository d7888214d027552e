"""Metrics of the service; ages and facts are read from the board at the moment of a scrape."""

from collections.abc import Iterator

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.admission import Admission
from service.board import Board
from tidecast.clock import Clock
from tidecast.data_quality import clock_problem

DURATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})

REQUESTS = Counter(
    "tidecast_http_requests_total",
    "HTTP requests by route template, method and status.",
    ["route", "method", "status"],
)
DURATION = Histogram(
    "tidecast_http_request_duration_seconds",
    "Time from a request's headers to the end of its answer.",
    ["route"],
    buckets=DURATION_BUCKETS,
)
SNAPSHOTS = Counter("tidecast_snapshots_total", "Snapshots computed and served.", ["market"])
SNAPSHOT_FAILURES = Counter(
    "tidecast_snapshot_failures_total",
    "Forecasts or champions that were refused or could not be had, by error.",
    ["market", "error"],
)
SNAPSHOT_SECONDS = Histogram(
    "tidecast_snapshot_duration_seconds",
    "Time to compute one snapshot.",
    ["market"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
LOG_FAILURES = Counter(
    "tidecast_forecast_log_failures_total",
    "Forecasts that could not be logged at once; they are tried again.",
    ["market"],
)
SHED = Counter(
    "tidecast_shed_requests_total",
    "Requests refused because all places were taken, by transport: http, grpc.",
    ["protocol"],
)
UNAUTHENTICATED = Counter(
    "tidecast_unauthenticated_requests_total",
    "Requests refused for want of a known API key, all transports together.",
)
RATE_LIMITED = Counter(
    "tidecast_rate_limited_requests_total",
    "Requests refused because their API key has used up its rate, by the name of the key.",
    ["key"],
)


class _Requests:
    """Counts requests; keeps the labelled children, since looking them up costs more than inc."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def __call__(self, route: str, method: str, status: int, seconds: float | None = None) -> None:
        """Count one answered request.

        Args:
            route: template of the path, never the path itself.
            method: HTTP method; unknown ones count as ``other``.
            status: HTTP status.
            seconds: how long it took; None for one that never reached a route.
        """
        key = (route, method, status)
        counter = self._counters.get(key)
        if counter is None:
            known = method if method in METHODS else "other"
            counter = REQUESTS.labels(route, known, str(status))
            if known == method:
                self._counters[key] = counter
        counter.inc()
        if seconds is not None:
            histogram = self._histograms.get(route)
            if histogram is None:
                histogram = self._histograms[route] = DURATION.labels(route)
            histogram.observe(seconds)


count_request = _Requests()


class InflightCollector(Collector):
    """The gauge that a HorizontalPodAutoscaler scales by."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def describe(self) -> list[Metric]:
        """Nothing: a registry need not ask for values to know the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the mean."""
        yield GaugeMetricFamily(
            "tidecast_inflight_requests",
            "Requests being answered, all transports together: mean over about the last 10 s.",
            value=self._admission.mean_inflight(),
        )


class BoardCollector(Collector):
    """Gauges of what is served now."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    def describe(self) -> list[Metric]:
        """Nothing: a registry need not ask for values to know the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the board."""
        now = self._clock.now()
        candle_age = GaugeMetricFamily(
            "tidecast_newest_candle_age_seconds",
            "Time since the end of the newest candle that is served from; "
            "below zero when the clock of this machine is behind.",
            labels=["market"],
        )
        snapshot_age = GaugeMetricFamily(
            "tidecast_snapshot_age_seconds",
            "Time since the forecast that is served was issued.",
            labels=["market"],
        )
        model = GaugeMetricFamily(
            "tidecast_model_info", "Model version that answers now.", labels=["market", "version"]
        )
        degraded = GaugeMetricFamily(
            "tidecast_degraded_reasons",
            "Reasons in `degraded` of an answer made now, staleness apart.",
            labels=["market"],
        )
        for market in self._board.markets:
            state = self._board.state(market)
            if state.snapshot is None:
                degraded.add_metric([str(market)], len(state.reasons))
                continue
            logged = state.snapshot.logged
            behind = clock_problem(logged.forecast.cutoff, now) is not None
            degraded.add_metric([str(market)], len(state.reasons) + behind)
            age = (now - logged.forecast.cutoff).total_seconds()
            candle_age.add_metric([str(market)], age)
            snapshot_age.add_metric([str(market)], (now - logged.issued_at).total_seconds())
            model.add_metric([str(market), logged.forecast.model_version], 1)
        yield from (candle_age, snapshot_age, model, degraded)
