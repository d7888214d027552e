"""The monitor as a loop over all markets, until stopped. `tidecast up` runs it in a thread."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from monitoring.champion import ReadChampion, reader
from monitoring.channels import open_channels
from monitoring.decision import Policy
from monitoring.delivery import Delivery, delivering
from monitoring.metrics import forget_markets, show_leader
from monitoring.place import placed
from monitoring.retraining import record_end
from monitoring.round import Plan, Report, monitor_market
from monitoring.trigger import Ended, Trigger
from tidecast.clock import Clock
from tidecast.errors import OperatorError, RejectedError, RetryLater
from tidecast.lifecycle.registry_check import report_registry_problems
from tidecast.registry import Registry
from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.telemetry import LOOP_FAILURES, get_logger
from tidecast.timeframes import Market

LEASE_MARGIN_SECONDS = 60.0
"""Real time between the time-out of a training and the instant when it counts as dead."""

_log = get_logger(__name__)


class Monitor:
    """Rounds over all markets, each only when there may be something new.

    Args:
        store: shared with the other processes.
        plans: how each market is watched.
        clock: gives ``now``.
        read_champion: facts of a model version.
        trigger: starts trainings.
        leads: whether this monitor, of several, is the one that works now.
        registry: whose champions are compared with the promotions; None leaves that out.
    """

    def __init__(
        self,
        store: Store,
        plans: dict[Market, Plan],
        clock: Clock,
        read_champion: ReadChampion,
        trigger: Trigger,
        leads: Callable[[], bool] = lambda: True,
        registry: Registry | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._plans = plans
        self._clock = clock
        self._read_champion = read_champion
        self._trigger = trigger
        self._leads = leads
        self._led = True
        self._waiting: set[Market] = set()
        self._seen: dict[Market, tuple[int, datetime]] = {}
        self._unrecorded: list[Ended] = []

    def poll(self) -> list[Report]:
        """One look at every market; one that fails does not stop the others.

        A monitor that does not lead does nothing and shows nothing.
        """
        if not self._leads():
            self._stand_by()
            return []
        self._led = True
        self._unrecorded += self._trigger.poll()
        self._record_ends()
        reports = []
        for market in self._plans:
            try:
                report = self._look(market) if self._leads() else None
            except RetryLater as e:
                _log.warning("monitoring_postponed", market=str(market), error=str(e))
            except Exception:
                LOOP_FAILURES.labels("monitoring").inc()
                _log.exception("monitoring_failed", market=str(market))
            else:
                reports += [report] if report is not None else []
        return reports

    def close(self) -> None:
        """End the training that this monitor started, and write that down."""
        self._unrecorded += self._trigger.close()
        self._record_ends()

    def _stand_by(self) -> None:
        """Forget everything that the monitor that leads now may change."""
        if not self._led:
            return
        self._led = False
        self.close()
        self._seen.clear()
        forget_markets()

    def _record_ends(self) -> None:
        while self._unrecorded:
            try:
                record_end(self._store, self._unrecorded[0], self._clock.now())
            except RetryLater as e:
                _log.warning("retraining_end_unrecorded", error=str(e))
                return
            self._unrecorded.pop(0)

    def _look(self, market: Market) -> Report | None:
        """A round when candles changed, or when one is overdue."""
        now, version = self._clock.now(), self._store.candles.version(market)
        seen, at = self._seen.get(market, (None, now))
        starts = market in self._waiting and self._trigger.ready()
        if seen == version and now - at < market.length and not starts:
            return None
        report = monitor_market(
            self._store,
            self._plans[market],
            market,
            now,
            read_champion=self._read_champion,
            trigger=self._trigger,
        )
        self._check_registry(market, now)
        self._seen[market] = (version, now)
        (self._waiting.add if report.waits else self._waiting.discard)(market)
        _log_report(report)
        return report

    def _check_registry(self, market: Market, now: datetime) -> None:
        """Report what people changed in MLflow; it is no reason to cut a round short."""
        if self._registry is None:
            return
        try:
            report_registry_problems(self._store, self._registry, market, now)
        except (RetryLater, OperatorError, RejectedError) as e:
            _log.warning("registry_not_checked", market=str(market), error=str(e))


def plan_for(settings: Settings, market: Market, clock: Clock) -> Plan:
    """How the settings want a market to be watched."""
    own = settings.monitoring
    age_days = own.max_model_age_days
    policy = Policy(
        min_scored=own.min_scored,
        max_mase=own.max_mase,
        max_crps_ratio=own.max_crps_ratio,
        min_t=own.min_t,
        consecutive_rounds=own.consecutive_rounds,
        rearm_ratio=own.rearm_ratio,
        cooldown=own.cooldown_candles * market.length,
        max_model_age=None if age_days is None else timedelta(days=age_days),
    )
    real_seconds = settings.training.timeout_seconds + LEASE_MARGIN_SECONDS
    return Plan(
        policy=policy,
        window_candles=own.window_candles,
        stale_after_candles=settings.service.degraded_after_candles,
        reference_candles=own.reference_candles,
        max_psi=own.max_psi,
        lease_seconds=real_seconds / clock.real_seconds(timedelta(seconds=1)),
    )


def run(stop: threading.Event, settings: Settings) -> None:
    """Monitor every market of the settings until ``stop`` is set.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    clock = settings.clock.build()
    registry = Registry(settings.tracking_uri, settings.home_dir.absolute() / "models")
    plans = {one.market: plan_for(settings, one.market, clock) for one in settings.markets}
    urls = [url.get_secret_value() for url in settings.monitoring.alert_urls]
    channels = open_channels(urls, settings.monitoring.alert_topic_arn)
    with Store(settings.store_url) as store, placed(settings) as place:
        show_leader(place.leads)
        monitor = Monitor(
            store, plans, clock, reader(registry), place.trigger, place.leads, registry
        )
        _migrate(store, stop, settings.monitoring.poll_seconds)
        _log.info("monitoring_started", markets=[str(market) for market in plans])
        with delivering(Delivery(store, one, clock, place.leads) for one in channels):
            _watch(monitor, stop, settings.monitoring.poll_seconds)
    _log.info("monitoring_stopped")


def _watch(monitor: Monitor, stop: threading.Event, pause_seconds: float) -> None:
    try:
        while not stop.is_set():
            monitor.poll()
            stop.wait(pause_seconds)
    finally:
        monitor.close()


def _migrate(store: Store, stop: threading.Event, pause_seconds: float) -> None:
    """Bring the tables up to date; a database that is away is waited for."""
    while not stop.is_set():
        try:
            store.migrate()
        except RetryLater as e:
            _log.warning("monitoring_postponed", error=str(e))
            stop.wait(pause_seconds)
        else:
            return


def _log_report(report: Report) -> None:
    window, decision = report.window, report.decision
    _log.info(
        "monitoring_round",
        market=str(report.market),
        scored=report.scored.added,
        waiting=report.scored.waiting,
        health=list(report.health.reasons),
        model_version=None if window is None else window.version,
        crps_ratio=None if window is None else round(window.whole.crps_ratio, 4),
        wanted=[] if decision is None else list(decision.wanted),
        blocked=[] if decision is None else list(decision.blocked),
    )
