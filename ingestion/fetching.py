"""One span of one market from one source: fetch, validate, store, quarantine, chunk by chunk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from ingestion.agreement import Disagreement, disagreements
from ingestion.cooldowns import Failure
from ingestion.spans import CHUNK_CANDLES, Span
from tidecast.candles import Quarantined, validate
from tidecast.exchange import Page, Source
from tidecast.store import Store
from tidecast.timeframes import Market

CLOCK_TOLERANCE = timedelta(minutes=15)
"""How far a source's time may be ahead of ours and still be believed.

An exchange whose clock runs wild could make an open candle look closed; one that is right beside
a machine whose clock is minutes off must not lose candles."""


@dataclass
class Tally:
    """What a run has done so far."""

    inserted: int = 0
    revised: int = 0
    unchanged: int = 0
    quarantined: int = 0
    failures: list[Failure] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)


@dataclass(frozen=True)
class Asking:
    """A market, and one source with its own name for it.

    Attributes:
        max_disagreement_ratio: closes of two sources further apart are flagged.
        now: our time, UTC.
    """

    store: Store
    market: Market
    source: Source
    pair: str
    max_disagreement_ratio: float
    now: datetime
    tally: Tally
    progress: Callable[[str], None]

    @property
    def name(self) -> str:
        """``exchange:pair``, as candles keep it."""
        return f"{self.source.name}:{self.pair}"

    def fill(self, span: Span) -> None:
        """Store what the source has of a span.

        Raises:
            TidecastError: the source failed; chunks stored before stay.
        """
        asked, total = 0, span.candles(self.market.interval)
        for chunk in span.chunks(self.market.interval):
            self._store(chunk, self._ask(chunk))
            asked += chunk.candles(self.market.interval)
            if total > CHUNK_CANDLES:
                self.progress(f"{self.market}: {asked:,} of {total:,} candles asked, {self.name}")

    def compare(self, span: Span) -> None:
        """Compare the closes of a span with the stored ones; nothing is stored.

        Raises:
            TidecastError: the source failed.
        """
        good, _ = self._validated(span, self._ask(span))
        self._flag(span, good)

    def _ask(self, span: Span) -> Page:
        return self.source.fetch(self.pair, self.market.interval, span.start, span.end)

    def _store(self, span: Span, page: Page) -> None:
        good, refused = self._validated(span, page)
        self._flag(span, good)
        upserted = self.store.candles.upsert(self.market, good, self.name, self.now)
        self.tally.inserted += upserted.inserted
        self.tally.revised += upserted.revised
        self.tally.unchanged += upserted.unchanged
        self.tally.quarantined += self.store.candles.quarantine(
            self.market, self.name, [*page.problems, *refused], self.now
        )

    def _validated(self, span: Span, page: Page) -> tuple[pd.DataFrame, list[Quarantined]]:
        server_time = min(page.server_time, self.now + CLOCK_TOLERANCE)
        close_before = self._close_before(span)
        return validate(page.candles, self.market.interval, server_time, close_before)

    def _close_before(self, span: Span) -> float | None:
        """Newest stored close before the span, unless it is too old to compare a price with."""
        oldest = span.start - CHUNK_CANDLES * self.market.length
        before = self.store.candles.read(self.market, start=oldest, end=span.start, limit=1)
        return None if before.empty else float(before["close"].iloc[-1])

    def _flag(self, span: Span, good: pd.DataFrame) -> None:
        known = self.store.candles.sources(self.market, span.start, span.end)
        others = [source for source in known if source != self.name]
        if not others:
            return
        stored = self.store.candles.read(self.market, start=span.start, end=span.end)
        found = disagreements(stored, others[0], good, self.name, self.max_disagreement_ratio)
        self.tally.disagreements += found
        for one in found[:1]:
            self.store.events.add(
                "SourceDisagreement",
                f"source-disagreement:{self.market}:{one.open_time.isoformat()}:{self.name}",
                {
                    "open_time": one.open_time.isoformat(),
                    "closes": {one.stored_source: one.stored_close, self.name: one.other_close},
                    "ratio": round(one.ratio, 6),
                    "candles": len(found),
                },
                self.now,
                self.market,
            )
