"""One span of one market from one source: fetch, validate, store, quarantine, chunk by chunk."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pandas as pd

from ingestion.agreement import Disagreement, disagreements
from ingestion.cooldowns import Failure
from ingestion.jumps import confirmed_suspects, price_evidence
from ingestion.spans import CHUNK_CANDLES, Span
from tidecast.candles import Quarantined, clamp_order, validate
from tidecast.clock import Clock
from tidecast.exchange import Page, Source
from tidecast.store import Store, Suspect
from tidecast.timeframes import Market

CLOCK_TOLERANCE = timedelta(minutes=15)
"""How far a source's time may be ahead of ours and still be believed.

An exchange whose clock runs wild could make an open candle look closed; one that is right beside
a machine whose clock is minutes off must not lose candles."""


@dataclass
class Tally:
    """What a run has done so far.

    Attributes:
        quarantined: rows that were refused for the first time.
        confirmed: rows that were held back for their price and are stored now.
        clamped: rows whose high or low missed open or close by rounding.
    """

    inserted: int = 0
    revised: int = 0
    unchanged: int = 0
    quarantined: int = 0
    confirmed: list[Suspect] = field(default_factory=list)
    clamped: int = 0
    failures: list[Failure] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)


@dataclass(frozen=True)
class Asking:
    """A market, and one source with its own name for it.

    Attributes:
        max_disagreement_ratio: closes of two sources further apart are flagged.
        clock: our time.
    """

    store: Store
    market: Market
    source: Source
    pair: str
    max_disagreement_ratio: float
    clock: Clock
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
        total = span.candles(self.market.interval)
        for chunk in span.chunks(self.market.interval):
            self._store(chunk, self._ask(chunk))
            if total > CHUNK_CANDLES:
                asked = Span(span.start, chunk.end).candles(self.market.interval)
                self.progress(f"{self.market}: {asked:,} of {total:,} candles asked, {self.name}")

    def compare(self, span: Span) -> None:
        """Compare the closes of a span with the stored ones; nothing is stored.

        Raises:
            TidecastError: the source failed.
        """
        page = self._ask(span)
        good, _ = self._validated(span, page, self._suspects(span))
        self._flag(span, good)

    def _ask(self, span: Span) -> Page:
        page = self.source.fetch(self.pair, self.market.interval, span.start, span.end)
        candles, clamped = clamp_order(page.candles)
        self.tally.clamped += clamped
        return replace(page, candles=candles)

    def _store(self, span: Span, page: Page) -> None:
        suspects = self._suspects(span)
        good, refused = self._validated(span, page, suspects)
        self._flag(span, good)
        candles = self.store.candles
        upserted = candles.upsert(self.market, good, self.name, self.clock.now)
        self.tally.inserted += upserted.inserted
        self.tally.revised += upserted.revised
        self.tally.unchanged += upserted.unchanged
        self.tally.quarantined += candles.quarantine(
            self.market, self.name, [*page.problems, *refused], self.clock.now()
        )
        confirmed = confirmed_suspects(suspects, good)
        candles.release(confirmed)
        self.tally.confirmed += confirmed

    def _suspects(self, span: Span) -> list[Suspect]:
        return self.store.candles.suspects(self.market, span.start, span.end)

    def _validated(
        self, span: Span, page: Page, suspects: list[Suspect]
    ) -> tuple[pd.DataFrame, list[Quarantined]]:
        now = self.clock.now()
        stored = self.store.candles.read(self.market, start=span.start, end=span.end)
        return validate(
            page.candles,
            self.market.interval,
            min(page.server_time, now + CLOCK_TOLERANCE),
            self._close_before(span),
            evidence=price_evidence(
                page.candles, stored, suspects, self.name, now, self.market.length
            ),
        )

    def _close_before(self, span: Span) -> float | None:
        before = self.store.candles.read(self.market, end=span.start, limit=1)
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
                self.clock.now(),
                self.market,
            )
