"""Live candles or a replay? The configured exchanges are asked, all at once and briefly."""

import queue
import threading
import time
from datetime import datetime, timedelta

from ingestion.sources import build_sources
from tidecast.errors import TidecastError
from tidecast.exchange import Source
from tidecast.settings import Settings
from tidecast.timeframes import interval_length

PROBE_SECONDS = 5.0
"""How long all exchanges together may take."""

REQUEST_SECONDS = 1.5
"""Time limit of a request; name look-up and a slow start of TLS come on top."""


def reachable_exchange(settings: Settings, now: datetime) -> str | None:
    """The first configured exchange that answers with candles; None when none does in time."""
    answers: queue.Queue[str | None] = queue.Queue()
    asked: dict[str, tuple[str, str]] = {
        source.exchange: (source.pair, market.interval)
        for market in settings.markets
        for source in market.sources
    }
    for name, source in build_sources(_impatient(settings)).items():
        arguments = (source, *asked[name], now, answers)
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


def _impatient(settings: Settings) -> Settings:
    quick = {
        "timeout_seconds": REQUEST_SECONDS,
        "max_attempts": 1,
        "max_retry_after_seconds": 0.1,
    }
    ingestion = settings.ingestion.model_copy(update=quick)
    return settings.model_copy(update={"ingestion": ingestion})


def _probe(
    source: Source, pair: str, interval: str, now: datetime, answers: "queue.Queue[str | None]"
) -> None:
    start = now - 3 * max(interval_length(interval), timedelta(hours=1))
    try:
        page = source.fetch(pair, interval, start, now)
    except TidecastError:
        answers.put(None)
    else:
        answers.put(None if page.candles.empty else source.name)
