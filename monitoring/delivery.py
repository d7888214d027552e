"""Sends alert events to channels: each event once to each channel, and none of them late.

Every channel has a thread of its own, so one that hangs delays neither the monitor nor the others.
Who sends what is claimed in the store. A monitor that dies between sending and writing it down is
the one way to a second message.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from monitoring.channels import Channel, Severity
from monitoring.metrics import count_alert
from tidecast.clock import Clock
from tidecast.errors import StoreUnavailable
from tidecast.store import Event, Store
from tidecast.telemetry import LOOP_FAILURES, get_logger
from tidecast.timeframes import format_rfc3339

LATEST = timedelta(days=1)
"""An event that is older is not sent any more: it would be no news."""
LOOK_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 600.0
"""After a failure of the channel; doubled each time."""
CLAIM_SECONDS = 120.0
"""How long the sending of one alert may take before another monitor may send it."""
JOIN_SECONDS = 3.0

INFORMATION = frozenset({"RetrainingStarted"})
FAILURES = frozenset({"RetrainingFailed", "RetrainingRefused"})

_log = get_logger(__name__)


class Delivery:
    """Brings the events of the store to one channel.

    Args:
        store: where events and deliveries are.
        channel: where they go.
        clock: that the events were written by.
        leads: whether this monitor, of several, is the one that works now.
        pause_seconds: first pause after a failure.
    """

    def __init__(
        self,
        store: Store,
        channel: Channel,
        clock: Clock,
        leads: Callable[[], bool] = lambda: True,
        pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._store = store
        self._channel = channel
        self._clock = clock
        self._leads = leads
        self._first_pause_seconds = pause_seconds
        self._pause_seconds = pause_seconds

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set."""
        while not stop.wait(self._turn()):
            pass

    def deliver(self) -> bool:
        """Send what is pending; False as soon as something did not arrive.

        Raises:
            StoreUnavailable: the rest is sent later.
        """
        since = self._clock.now() - LATEST
        log = self._store.deliveries
        for event in log.pending(self._channel.name, since, datetime.now(UTC)):
            if not self._leads():
                return True
            if log.claim(event.id, self._channel.name, datetime.now(UTC), CLAIM_SECONDS):
                sent = self._send(event)
                log.settle(event.id, self._channel.name, datetime.now(UTC), delivered=sent)
                if not sent:
                    return False
        return True

    def _turn(self) -> float:
        """One look; returns the seconds until the next."""
        try:
            arrived = not self._leads() or self.deliver()
        except StoreUnavailable as e:
            _log.warning("alerts_postponed", channel=self._channel.schema, error=str(e))
            arrived = False
        except Exception:
            LOOP_FAILURES.labels("monitoring").inc()
            _log.exception("alerts_failed", channel=self._channel.schema)
            arrived = False
        if arrived:
            self._pause_seconds = self._first_pause_seconds
            return min(LOOK_SECONDS, self._first_pause_seconds)
        pause, self._pause_seconds = (
            self._pause_seconds,
            min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS),
        )
        return pause

    def _send(self, event: Event) -> bool:
        simulated = " (simulated)" if self._clock.simulated else ""
        began = time.monotonic()
        sent = self._channel.send(title_of(event), body_of(event) + simulated, severity_of(event))
        count_alert(self._channel.schema, "sent" if sent else "failed")
        log = _log.info if sent else _log.warning
        log(
            "alert_sent" if sent else "alert_not_sent",
            channel=self._channel.schema,
            key=event.key,
            seconds=round(time.monotonic() - began, 1),
        )
        return sent


@contextmanager
def delivering(deliveries: Iterable[Delivery]) -> Iterator[None]:
    """Run each in a thread until the block ends."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=one.run, args=(stop,), name="alerts", daemon=True)
        for one in deliveries
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(JOIN_SECONDS)


def title_of(event: Event) -> str:
    """One line that says what and where."""
    where = "" if event.market is None else f" {event.market}"
    return f"Tidecast: {event.kind}{where}"


def body_of(event: Event) -> str:
    """The facts of the event, one a line, and its time."""
    lines = [f"{name}: {_text(value)}" for name, value in event.detail.items()]
    return "\n".join([*lines, f"at: {format_rfc3339(event.at)}"])


def severity_of(event: Event) -> Severity:
    """How a service that knows colours may show it."""
    if event.kind in INFORMATION:
        return "info"
    return "failure" if event.kind in FAILURES else "warning"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
