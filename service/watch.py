"""Keeps the snapshot of one market new: the newest candle, forecast by the newest sound champion.

Two looks that block, each for a thread of its own: one for the candle, one for the champion. The
first never waits for the registry, so forecasts go on while a model cannot be fetched.
"""

import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from service.board import NO_CANDLE, NO_CHAMPION, Board
from service.champion import (
    Champion,
    Origin,
    Title,
    find_origin,
    load_champion,
    titles,
)
from service.metrics import LOG_FAILURES, SNAPSHOT_FAILURES, SNAPSHOT_SECONDS, SNAPSHOTS
from service.snapshot import Snapshot, compute, logged_snapshot
from tidecast.clock import Clock
from tidecast.data_quality import jump_problem
from tidecast.errors import (
    ArtefactInvalid,
    CandlesChanged,
    OperatorError,
    RegistryUnavailable,
    RejectedError,
    StoreUnavailable,
    TidecastError,
)
from tidecast.lifecycle.model_loading import announce_refusal
from tidecast.lifecycle.registry_check import find_registry_problems
from tidecast.registry import Registry
from tidecast.store import Basis, LoggedForecast, Store
from tidecast.telemetry import get_logger
from tidecast.timeframes import Market

HISTORY = 50
"""Promotions that are looked at, newest first, for one that can be served."""
RETRY_REFUSED_SECONDS = 30.0
"""Pause before a damaged artefact is looked at again; somebody may have mended it."""
CHECK_REGISTRY_SECONDS = 600.0
"""Pause between two looks at whether MLflow still has the champion: three or four requests."""
MAX_PENDING = 500
"""Forecasts kept in memory while the store cannot be written; the oldest goes first."""
REGISTRY_AWAY = "model registry unavailable: a new champion is seen by its promotion only"
ARTEFACT_AWAY = "model registry unavailable: the champion cannot be fetched"
DAMAGED = "its artefact is damaged, deleted or of another kind"
STORE_AWAY = "store unavailable: answering from memory"

log = get_logger("service")


class MarketWatch:
    """The watch over one market; each look is for one thread at a time."""

    def __init__(
        self,
        market: Market,
        store: Store,
        registry: Registry,
        board: Board,
        clock: Clock,
        default_levels: tuple[int, ...],
    ) -> None:
        self.market = market
        self._store = store
        self._registry = registry
        self._board = board
        self._clock = clock
        self._default_levels = default_levels
        self._candidates: tuple[Champion, ...] = ()
        self._refused: dict[Title, str] = {}
        self._retry_at: dict[Title, float] = {}
        self._done: tuple[datetime, tuple[Title, ...]] | None = None
        self._failed_with: int | None = None
        self._check_registry_at = 0.0
        self._checked_version: str | None = None
        self._pending: deque[tuple[LoggedForecast, Basis]] = deque(maxlen=MAX_PENDING)

    def look_for_candle(self) -> None:
        """Serve a forecast from the newest candle if that is not done yet, then log it."""
        try:
            newest = self._store.candles.newest(self.market)
            self._trouble("store", None)
            self._trouble("candle", NO_CANDLE if newest is None else None)
            if newest is not None:
                cutoff = newest.open_time + self.market.length
                self._renew(cutoff, self._candidates)
        except StoreUnavailable as error:
            self._trouble("store", STORE_AWAY, error)
            return
        except CandlesChanged as error:
            log.info("candles_changed", market=str(self.market), error=str(error))
        self._log_pending()

    def look_for_champion(self) -> bool:
        """Load the newest champion if that is not done yet; True when there is another one."""
        # Before the first champion only the store is asked: a slow registry delays no start. Later
        # the alias comes first, as it moves first: the row of its promotion is then there.
        alias = self._alias() if self._candidates else None
        try:
            promotions = self._store.promotions.history(self.market, limit=HISTORY)
        except StoreUnavailable:
            return False
        if not promotions and not self._candidates:
            alias = self._alias()
        order = titles(alias, promotions)
        self._board.learn(self.market, order[0] if order else None, promotions)
        before = _titles_of(self._candidates)
        self._candidates = self._choose(order)
        self._explain_champion()
        self._explain_held_back()
        self._check_registry()
        return _titles_of(self._candidates) != before

    def _renew(self, cutoff: datetime, candidates: tuple[Champion, ...]) -> None:
        if not candidates:
            return
        wanted = (cutoff, _titles_of(candidates))
        if wanted == self._done and not self._failed_in_other_ledger():
            return
        served = any(self._publish(champion, cutoff) for champion in candidates)
        self._done = wanted
        self._failed_with = None if served else self._store.candles.version(self.market)
        self._explain_champion()

    def _failed_in_other_ledger(self) -> bool:
        """Whether the last try failed and candles have come since, older ones perhaps."""
        failed_with = self._failed_with
        return failed_with is not None and failed_with != self._store.candles.version(self.market)

    def _publish(self, champion: Champion, cutoff: datetime) -> bool:
        """Compute, log and serve a forecast; False when the model is refused.

        Raises:
            CandlesChanged: candles came between; the next look computes from them.
        """
        started = time.perf_counter()
        try:
            snapshot, basis = compute(
                self._store,
                self.market,
                champion,
                cutoff,
                clock=self._clock,
                default_levels=self._default_levels,
            )
        except RejectedError as error:
            self._refuse(champion.title, error)
            return False
        self._refused.pop(champion.title, None)
        if basis is not None:
            snapshot = self._logged(snapshot, basis)
        self._board.serve(self.market, snapshot)
        seconds = time.perf_counter() - started
        SNAPSHOTS.labels(str(self.market)).inc()
        SNAPSHOT_SECONDS.labels(str(self.market)).observe(seconds)
        log.info(
            "snapshot_served",
            market=str(self.market),
            cutoff=cutoff.isoformat(),
            version=champion.title.version,
            seconds=round(seconds, 3),
        )
        return True

    def _logged(self, snapshot: Snapshot, basis: Basis) -> Snapshot:
        """The snapshot that the log has: this one, unless another replica was first.

        While the store cannot be written, this one is served and waits to be logged.
        """
        logged = snapshot.logged
        try:
            if self._store.forecasts.add(logged, basis):
                return snapshot
            first = logged_snapshot(
                self._store,
                self.market,
                snapshot.origin,
                logged.forecast.cutoff,
                self._default_levels,
            )
            return first or snapshot
        except StoreUnavailable:
            self._pending.append((logged, basis))
            return snapshot

    def _alias(self) -> str | None:
        """The version that the registry calls champion, None when it cannot say."""
        try:
            champion = self._registry.champion(self.market)
        except (RegistryUnavailable, OperatorError, RejectedError) as error:
            self._count(error)
            self._trouble("registry", REGISTRY_AWAY, error)
            return None
        self._trouble("registry", None)
        return None if champion is None else champion.version

    def _choose(self, order: Sequence[Title]) -> tuple[Champion, ...]:
        """The first champion that loads; behind it others as long as those before are refused."""
        loaded = {champion.title.version: champion for champion in self._candidates}
        chosen: list[Champion] = []
        away: Exception | None = None
        for title in order:
            try:
                champion = loaded.get(title.version) or self._load(title)
            except (RegistryUnavailable, OperatorError) as error:
                self._count(error)
                away = error
                continue
            if champion is not None:
                chosen.append(champion.retitled(title))
                if title not in self._refused:
                    break
        self._trouble("artefact", ARTEFACT_AWAY if away else None, away)
        return tuple(chosen)

    def _load(self, title: Title) -> Champion | None:
        if time.monotonic() < self._retry_at.get(title, 0.0):
            return None
        try:
            origin = find_origin(self._registry, self.market, title)
            self._resume(origin)
            champion = load_champion(self._registry, self.market, origin)
        except RejectedError as error:
            self._refuse(title, error)
            self._retry_at[title] = time.monotonic() + RETRY_REFUSED_SECONDS
            return None
        self._refused.pop(title, None)
        return champion

    def _resume(self, origin: Origin) -> None:
        """Before the first model is loaded: serve again what the log has for the newest candle."""
        if self._board.state(self.market).snapshot is not None:
            return
        try:
            newest = self._store.candles.newest(self.market)
            if newest is None:
                return
            cutoff = newest.open_time + self.market.length
            snapshot = logged_snapshot(
                self._store, self.market, origin, cutoff, self._default_levels
            )
        except StoreUnavailable:
            return
        if snapshot is not None:
            self._board.serve(self.market, snapshot)

    def _refuse(self, title: Title, error: RejectedError) -> None:
        self._count(error)
        reason = DAMAGED if isinstance(error, ArtefactInvalid) else str(error)
        if self._refused.get(title) == reason:
            return
        self._refused[title] = reason
        announce_refusal(self._store, self.market, title.version, str(error), self._clock.now())

    def _explain_held_back(self) -> None:
        """Say in ``degraded`` when newer candles wait for a confirmation of their price."""
        try:
            suspects = self._store.candles.held_back(self.market)
        except StoreUnavailable:
            return  # The next look for a candle says so.
        jump = jump_problem([suspect.open_time for suspect in suspects])
        self._trouble("jump", None if jump is None else jump.reason)

    def _explain_champion(self) -> None:
        """Say in ``degraded`` when another model serves than the one that should."""
        state = self._board.state(self.market)
        if state.wanted is None:
            self._trouble("champion", NO_CHAMPION)
            return
        why = self._refused.get(state.wanted)
        if why is None:
            self._trouble("champion", None)
            return
        reason = f"champion {state.wanted.version} refused: {why}"
        if state.snapshot is not None:
            version = state.snapshot.forecast.model_version
            reason += f"; the last good forecast, of version {version}, goes on serving"
        self._trouble("champion", reason)

    def _check_registry(self) -> None:
        """Say when another replica could not load the champion; seldom, and when it changes."""
        wanted = self._board.state(self.market).wanted
        if wanted is None or not self._candidates:
            return
        if wanted.version != self._checked_version:
            self._trouble("champion files", None)
        elif time.monotonic() < self._check_registry_at:
            return
        self._checked_version = wanted.version
        self._check_registry_at = time.monotonic() + CHECK_REGISTRY_SECONDS
        try:
            problems = find_registry_problems(self._registry, self.market, wanted.version)
        except (RegistryUnavailable, OperatorError, RejectedError):
            return  # ``_alias`` already reports this.
        lost = [problem.text for problem in problems if problem.unloadable]
        self._trouble("champion files", "; ".join(lost) or None)

    def _log_pending(self) -> None:
        """Log what the store did not take before; a failure waits for the next look."""
        try:
            while self._pending:
                if not self._add(*self._pending[0]):
                    self._done = None
                self._pending.popleft()
            self._trouble("log", None)
        except StoreUnavailable as error:
            LOG_FAILURES.labels(str(self.market)).inc()
            self._trouble("log", "store cannot be written: forecasts wait to be logged", error)

    def _add(self, logged: LoggedForecast, basis: Basis) -> bool:
        """Log a forecast that was served unlogged; False when the log will have another one."""
        try:
            return self._store.forecasts.add(logged, basis)
        except CandlesChanged as error:
            cutoff = logged.forecast.cutoff.isoformat()
            log.warning("forecast_not_logged", cutoff=cutoff, error=str(error))
            return False

    def _trouble(self, part: str, reason: str | None, error: Exception | None = None) -> None:
        if self._board.trouble(self.market, part, reason):
            event = "trouble_over" if reason is None else "trouble"
            facts = {"part": part, "reason": reason, "error": error and str(error)}
            log.warning(event, market=str(self.market), **facts)

    def _count(self, error: TidecastError) -> None:
        SNAPSHOT_FAILURES.labels(str(self.market), type(error).__name__).inc()


def _titles_of(champions: Sequence[Champion]) -> tuple[Title, ...]:
    return tuple(champion.title for champion in champions)
