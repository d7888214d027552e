"""The daily Fear & Greed index; candles never wait for it and its failure fails no run."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

from ingestion.cooldowns import SOURCE_FAULTS, Cooldowns
from tidecast.exchange.fear_greed import fetch_fear_greed
from tidecast.settings import IngestionSettings
from tidecast.store import Store
from tidecast.telemetry import get_logger

Fetch = Callable[[int], list[tuple[date, int]]]
"""Takes how many of the newest days are wanted, 0 for all."""

ASK_EVERY = timedelta(hours=1)
"""The value of a day comes soon after 00:00 UTC, and may be late."""

_NAME = ("alternative.me", "fear-greed")

_log = get_logger(__name__)


def build_fetch(settings: IngestionSettings) -> Fetch:
    """The function that asks alternative.me as the settings say."""
    fetch = partial(
        fetch_fear_greed,
        timeout_seconds=settings.timeout_seconds,
        max_attempts=settings.max_attempts,
        backoff_seconds=settings.backoff_seconds,
        max_retry_after_seconds=settings.max_retry_after_seconds,
    )
    return lambda days: fetch(days=days)


def ingest_fear_greed(store: Store, fetch: Fetch, now: datetime) -> int:
    """Store the values that are missing, at most once an hour; returns how many came.

    Raises:
        StoreUnavailable: nothing is half-written.
    """
    days = _days_to_ask(store, now)
    if days is None:
        return 0
    cooldowns = Cooldowns(store)
    if cooldowns.active(*_NAME, now) is not None:
        return 0
    try:
        rows = fetch(days)
    except SOURCE_FAULTS as e:
        cooldowns.add(*_NAME, e, now)
        _log.warning("fear_greed_failed", error=str(e))
        return 0
    cooldowns.clear(*_NAME, now)
    store.notes.put("ingestion:fear_greed", {"asked_at": now.isoformat()}, now)
    # A day that has not begun by our clock is a fault of the source.
    return store.sentiment.put([row for row in rows if row[0] <= _day(now)], now)


def _days_to_ask(store: Store, now: datetime) -> int | None:
    note = store.notes.get("ingestion:fear_greed")
    if note is not None and now < datetime.fromisoformat(note["asked_at"]) + ASK_EVERY:
        return None
    known = store.sentiment.read()
    if known.empty:
        return 0
    missing = (_day(now) - known.index[-1]).days
    return missing + 1 if missing > 0 else None


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
