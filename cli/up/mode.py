"""Live candles or a replay? The configured exchanges are asked, all at once and briefly."""

import queue
import threading
import time
from datetime import datetime, timedelta

from tidecast.errors import TidecastError
from tidecast.exchange import build_source
from tidecast.settings import Settings, SourceSettings
from tidecast.timeframes import interval_length

PROBE_SECONDS = 5.0
"""How long all exchanges together may take."""

REQUEST_SECONDS = 1.5
"""Time limit of a request; name look-up and a slow start of TLS come on top."""


def reachable_exchange(settings: Settings, now: datetime) -> str | None:
    """The first configured exchange that answers with candles; None when none does in time."""
    answers: queue.Queue[str | None] = queue.Queue()
    asked = {
        source.exchange: (source, market.interval)
        for market in settings.markets
        for source in market.sources
    }
    for source, interval in asked.values():
        arguments = (source, interval, now, answers)
        threading.Thread(target=_probe, args=arguments, name="probe", daemon=True).start()
    deadline = time.monotonic() + PROBE_SECONDS
    for _ in asked:
        try:
            answer = answers.get(timeout=max(deadline - time.monotonic(), 0.01))
        except queue.Empty:
            return None
        if answer is not None:
            return answer
    return None


def _probe(
    source: SourceSettings, interval: str, now: datetime, answers: "queue.Queue[str | None]"
) -> None:
    start = now - 3 * max(interval_length(interval), timedelta(hours=1))
    try:
        built = build_source(
            source.exchange,
            timeout_seconds=REQUEST_SECONDS,
            max_attempts=1,
            backoff_seconds=0.1,
            max_retry_after_seconds=0.1,
        )
        page = built.fetch(source.pair, interval, start, now)
    except TidecastError:
        answers.put(None)
    else:
        answers.put(None if page.candles.empty else source.exchange)
