"""One run of ingestion over one market: ask the sources in order until nothing is missing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ingestion.agreement import Disagreement
from ingestion.announcements import Announcements
from ingestion.cooldowns import SOURCE_FAULTS, Cooldowns, Failure
from ingestion.fetching import Asking, Tally
from ingestion.memory import Memory
from ingestion.spans import Span, history_start, newest_span
from tidecast.candles import Gap
from tidecast.clock import Clock
from tidecast.exchange import Source
from tidecast.exit_codes import ExitCode, worst
from tidecast.settings import IngestionSettings, MarketSettings, SourceSettings
from tidecast.store import Store
from tidecast.timeframes import Market, last_closed_open_time

MAX_GAPS_PER_RUN = 50
"""Gaps asked for in one run; the others follow in the next."""

LATE_SHARE = 0.1
"""Share of an interval that the first source may publish late before the next one is asked."""

COMPARE_EVERY_CANDLES = 24
"""How often the newest candles are compared with those of a second source."""


@dataclass(frozen=True)
class IngestionResult:
    """What one run did to one market.

    Attributes:
        source: source that answered for the newest candles, None when none did.
        quarantined: rows that were refused for the first time.
        confirmed: candles that were held back for their price and are stored now.
        held_back: candles after the newest stored one whose price is not confirmed yet.
        clamped: rows whose high or low missed open or close by rounding.
        newest: open time of the newest stored candle, UTC.
        lag_candles: candles that are closed by our clock and not stored, at the new end.
        gaps: missing candles between the oldest and the newest.
        failures: sources that gave nothing, and why.
    """

    market: Market
    source: str | None
    inserted: int
    revised: int
    unchanged: int
    quarantined: int
    confirmed: int
    held_back: int
    clamped: int
    newest: datetime | None
    lag_candles: int
    gaps: tuple[Gap, ...]
    disagreements: tuple[Disagreement, ...]
    failures: tuple[Failure, ...]

    @property
    def exit_code(self) -> ExitCode:
        """OK as soon as one source answered, else what its failures say."""
        return ExitCode.OK if self.source else worst([one.code for one in self.failures])

    @property
    def missing(self) -> int:
        """Candles missing in all gaps together."""
        return sum(gap.missing for gap in self.gaps)


def ingest_market(
    store: Store,
    sources: Mapping[str, Source],
    market_settings: MarketSettings,
    settings: IngestionSettings,
    clock: Clock,
    progress: Callable[[str], None] = lambda message: None,
) -> IngestionResult:
    """Store every closed candle of a market that is missing and that a source has.

    Asked are the history that an empty store lacks, the gaps that are due, and the newest
    candles with an overlap. A source that fails is left alone for a while and the next is asked
    what is still missing. Safe to run twice at once and to be killed at any point.

    Args:
        store: where the candles go.
        sources: by name of the exchange.
        market_settings: the market and its sources, first choice first.
        settings: how far back, how much overlap.
        clock: our time.
        progress: is told about long steps.

    Raises:
        StoreUnavailable: nothing is half-written.
    """
    run = _Run(store, sources, market_settings, settings, clock, progress)
    for choice in market_settings.sources:
        run.ask(choice)
    run.compare()
    return run.result()


class _Run:
    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        market_settings: MarketSettings,
        settings: IngestionSettings,
        clock: Clock,
        progress: Callable[[str], None],
    ) -> None:
        self._store = store
        self._sources = sources
        self._market_settings = market_settings
        self._market = market_settings.market
        self._settings = settings
        self._clock = clock
        self._now = clock.now()
        self._progress = progress
        self._cooldowns = Cooldowns(store)
        self._memory = Memory.load(store, self._market)
        self._tally = Tally()
        self._answered: list[SourceSettings] = []
        self._gaps_asked: set[Gap] = set()

    def ask(self, choice: SourceSettings) -> None:
        """Ask one source for everything that is still missing."""
        spans = list(self._missing(choice))
        if spans and self._usable(choice):
            self._guarded(choice, lambda asking: self._fill(asking, spans))

    def compare(self) -> None:
        """Now and then, compare the newest candles with those of a source that was not used."""
        last = self._memory.compared_at
        pause = COMPARE_EVERY_CANDLES * self._market.length
        rest = [one for one in self._market_settings.sources if one not in self._answered]
        if not self._answered or not rest or (last is not None and self._now < last + pause):
            return
        self._memory.compared_at = self._now
        span = self._newest_span()
        for choice in rest:
            if self._usable(choice) and self._guarded(choice, lambda ask: ask.compare(span)):
                return

    def result(self) -> IngestionResult:
        """Remember what the next run must know, and sum up."""
        gaps = self._store.candles.gaps(self._market)
        held_back = self._store.candles.held_back(self._market)
        announcements = Announcements(self._store, self._market, self._now)
        announcements.confirmed(self._tally.confirmed)
        announcements.held_back(held_back)
        if self._answered:
            self._memory.note_gaps(self._gaps_asked, gaps, self._market.interval, self._now)
            announcements.gaps(gaps)
        self._memory.save(self._store, self._market, self._now)
        newest = self._store.candles.newest(self._market)
        return IngestionResult(
            market=self._market,
            source=_name(self._answered[0]) if self._answered else None,
            inserted=self._tally.inserted,
            revised=self._tally.revised,
            unchanged=self._tally.unchanged,
            quarantined=self._tally.quarantined,
            confirmed=len({suspect.open_time for suspect in self._tally.confirmed}),
            held_back=len(held_back),
            clamped=self._tally.clamped,
            newest=newest.open_time if newest else None,
            lag_candles=self._lag(),
            gaps=tuple(gaps),
            disagreements=tuple(self._tally.disagreements),
            failures=tuple(self._tally.failures),
        )

    def _missing(self, choice: SourceSettings) -> Iterator[Span]:
        """Spans this source should be asked for, oldest first."""
        if self._store.candles.newest(self._market) is None:
            yield Span(self._history_start(), self._newest_span().end)
            return
        yield from self._missing_history(choice)
        due = self._memory.due(self._store.candles.gaps(self._market), self._now)
        for gap in due[:MAX_GAPS_PER_RUN]:
            self._gaps_asked.add(gap)
            yield self._with_neighbors(Span(gap.start, gap.end + self._market.length))
        if not self._answered or self._overdue() or self._store.candles.held_back(self._market):
            yield self._newest_span()

    def _missing_history(self, choice: SourceSettings) -> Iterator[Span]:
        wanted = self._history_start()
        asked = self._memory.history_from.get(_name(choice))
        if asked is not None and asked <= wanted:
            return
        if self._store.candles.read(self._market, end=wanted + self._market.length, limit=1).empty:
            first = self._store.candles.read(self._market).index[0]
            yield replace(self._with_neighbors(Span(wanted, first.to_pydatetime())), start=wanted)

    def _fill(self, asking: Asking, spans: list[Span]) -> None:
        for span in spans:
            asking.fill(span)
        wanted = self._history_start()
        asked = self._memory.history_from.get(asking.name, wanted)
        self._memory.history_from[asking.name] = min(asked, wanted)

    def _guarded(self, choice: SourceSettings, step: Callable[[Asking], None]) -> bool:
        asking = Asking(
            store=self._store,
            market=self._market,
            source=self._sources[choice.exchange],
            pair=choice.pair,
            max_disagreement_ratio=self._settings.max_disagreement_ratio,
            clock=self._clock,
            tally=self._tally,
            progress=self._progress,
        )
        try:
            step(asking)
        except SOURCE_FAULTS as e:
            failure = self._cooldowns.add(choice.exchange, choice.pair, e, self._now)
            self._tally.failures.append(failure)
            self._progress(f"{self._market}: {failure.source} failed: {failure.message}")
            return False
        self._cooldowns.clear(choice.exchange, choice.pair, self._now)
        self._answered.append(choice)
        return True

    def _usable(self, choice: SourceSettings) -> bool:
        failure = self._cooldowns.active(choice.exchange, choice.pair, self._now)
        if failure is not None and failure not in self._tally.failures:
            self._tally.failures.append(failure)
        return failure is None

    def _history_start(self) -> datetime:
        settings = self._settings
        return history_start(
            self._now,
            self._market.interval,
            settings.history_days,
            settings.min_history_candles,
        )

    def _newest_span(self) -> Span:
        newest = self._store.candles.newest(self._market)
        start = newest.open_time if newest else self._history_start()
        return newest_span(self._now, self._market.interval, start, self._settings.overlap_candles)

    def _with_neighbors(self, span: Span) -> Span:
        return span.with_neighbors(self._market.interval, self._newest_span().end)

    def _lag(self) -> int:
        """Closed candles that are missing at the new end; from the history on in an empty store."""
        newest = self._store.candles.newest(self._market)
        reached = newest.open_time if newest else self._history_start() - self._market.length
        expected = last_closed_open_time(self._now, self._market.interval)
        return max((expected - reached) // self._market.length, 0)

    def _overdue(self) -> bool:
        """Whether the source before was given time enough to publish the newest candle."""
        lag = self._lag()
        closed_at = last_closed_open_time(self._now, self._market.interval) + self._market.length
        return lag > 1 or (lag == 1 and self._now - closed_at > LATE_SHARE * self._market.length)


def _name(choice: SourceSettings) -> str:
    return f"{choice.exchange}:{choice.pair}"
