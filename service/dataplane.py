"""The one data plane: what every transport asks. Forecasts come from memory only.

``forecast``, ``forecasts``, ``models`` and ``readiness`` never block. ``candles`` and ``scores``
read the store and block for as long as it does; a transport bounds that.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

import pandas as pd

from service.board import Board, MarketState
from service.messages import Candle, CandleList, ModelList, Readiness, Scoreboard
from service.overview import models_of, readiness_of
from service.parameters import level_positions, within
from service.scoreboard import tally
from service.snapshot import REPLAYED, Snapshot
from tidecast.clock import Clock
from tidecast.data_quality import MAX_CLOCK_LAG, age_problem
from tidecast.errors import ForecastUnavailable, InvalidParameter, UnknownMarket
from tidecast.store import Store
from tidecast.timeframes import INTERVALS, Market

AGE_STEP = timedelta(seconds=1)
"""How far ``data_age_seconds`` of an answer that is given again may lag behind."""
SCORE_SPAN = timedelta(days=30)
"""Newest cutoffs that the scoreboard counts."""
SCORES_KEPT_SECONDS = 5.0
"""How long a scoreboard is answered from memory."""
DEFAULT_CANDLES = 100


@dataclass(frozen=True)
class Answer:
    """What a caller gets: a part of a snapshot at a moment.

    Attributes:
        steps: how many, from the first on.
        levels: positions in ``LEVELS``, ascending.
        state: what it was made from.
        made_at: when.
        until: when to make another: its age has grown by ``AGE_STEP``, or its reasons change.
    """

    snapshot: Snapshot
    steps: int
    levels: tuple[int, ...]
    data_age_seconds: float
    degraded: tuple[str, ...]
    state: MarketState
    made_at: datetime
    until: datetime

    @property
    def market(self) -> Market:
        """Whose forecast it is."""
        return self.state.market

    def tag(self) -> str:
        """Stands for all that is answered, the age apart; the same on every replica."""
        told = f"{self.snapshot.rendered.digest}{self.steps}{self.levels}{self.degraded}"
        return blake2b(told.encode(), digest_size=8).hexdigest()

    def to_json(self) -> bytes:
        """The answer as a ``ForecastAnswer``."""
        return self.snapshot.rendered.answer(
            self.data_age_seconds, self.degraded, self.steps, self.levels
        )


@dataclass(frozen=True)
class Limits:
    """What the settings allow.

    Attributes:
        horizon: most steps.
        default_levels: positions in ``LEVELS`` of an answer that names none.
        max_staleness_candles: older data, in intervals, is not served.
        degraded_after_candles: older data, in intervals, is called stale.
        max_candles: most candles of one answer.
    """

    horizon: int
    default_levels: tuple[int, ...]
    max_staleness_candles: float
    degraded_after_candles: float
    max_candles: int


class DataPlane:
    """Answers from the board and the store."""

    def __init__(self, board: Board, store: Store, clock: Clock, limits: Limits) -> None:
        self.limits = limits
        self._board = board
        self._store = store
        self._clock = clock
        self._boards: dict[Market, tuple[float, Scoreboard]] = {}
        self._draining = False

    def forecast(
        self,
        symbol: str,
        interval: str = "1h",
        horizon: int | None = None,
        levels: Sequence[float] | None = None,
    ) -> Answer:
        """The forecast of one market.

        Raises:
            UnknownMarket: it is not configured.
            InvalidParameter: the horizon or a level is not served.
            ForecastUnavailable: there is none yet, or its data are too old.
        """
        state = self._board.state(self._market(symbol, interval))
        return self._answer(state, horizon, self._positions(levels))

    def forecasts(
        self, horizon: int | None = None, levels: Sequence[float] | None = None
    ) -> tuple[list[Answer], list[tuple[Market, str]]]:
        """The forecasts of all markets, and the reason for each market that has none.

        Raises:
            InvalidParameter: the horizon or a level is not served.
            ForecastUnavailable: no market has one.
        """
        positions = self._positions(levels)
        answers: list[Answer] = []
        missing: list[tuple[Market, str]] = []
        for market in self._board.markets:
            try:
                answers.append(self._answer(self._board.state(market), horizon, positions))
            except ForecastUnavailable as error:
                missing.append((market, str(error)))
        if not answers:
            raise ForecastUnavailable("; ".join(reason for _, reason in missing))
        return answers, missing

    def is_current(self, answer: Answer) -> bool:
        """Whether the same question would be answered the same now, ``AGE_STEP`` apart."""
        if self._board.state(answer.market) is not answer.state:
            return False
        return answer.made_at <= self._clock.now() < answer.until

    def keep_seconds(self, answer: Answer) -> int:
        """How long a copy of an answer may be used unasked, real seconds.

        That is until the end of the next candle. It is 0 for an answer that is simulated, or
        degraded by more than the data behind the forecast: that may change at any moment.
        """
        may_change = len(answer.degraded) > len(answer.snapshot.reasons)
        if may_change or answer.snapshot.logged.simulated or self._clock.simulated:
            return 0
        next_cutoff = answer.snapshot.forecast.cutoff + answer.market.length
        return max(0, int(self._clock.real_seconds(next_cutoff - answer.until)))

    def moment(
        self, market: Market, cutoff: datetime, reasons: tuple[str, ...]
    ) -> tuple[float, tuple[str, ...]]:
        """Age of a forecast from this cutoff, seconds, and all that is wrong with it now.

        Args:
            market: whose forecast.
            cutoff: last instant known to its model.
            reasons: what is wrong with it for as long as it is served.

        Raises:
            ForecastUnavailable: it is too old to be served.
        """
        now = self._clock.now()
        state = self._board.state(market)
        troubles = tuple(why for _, why in state.troubles)
        age_reasons = self._age_reasons(state, cutoff, now)
        return (now - cutoff).total_seconds(), (*reasons, *troubles, *age_reasons)

    def candles(
        self,
        symbol: str,
        interval: str = "1h",
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> CandleList:
        """Stored candles with open time in ``[start, end)``, the newest ``limit`` of them.

        Raises:
            UnknownMarket: it is not configured.
            InvalidParameter: the limit is out of range.
            StoreUnavailable: the store cannot be read.
        """
        market = self._market(symbol, interval)
        most = self.limits.max_candles
        limit = min(DEFAULT_CANDLES, most) if limit is None else within("limit", limit, 1, most)
        frame = self._store.candles.read(market, start=start, end=end, limit=limit + 1)
        truncated = len(frame) > limit
        frame = frame.iloc[-limit:]
        sources = []
        if len(frame):
            first, last = frame.index[0].to_pydatetime(), frame.index[-1].to_pydatetime()
            sources = self._store.candles.sources(market, first, last + market.length)
        rows = zip(
            pd.DatetimeIndex(frame.index).to_pydatetime(), frame.to_numpy().tolist(), strict=True
        )
        return CandleList(
            symbol=symbol,
            interval=interval,
            sources=sources,
            truncated=truncated,
            candles=[
                Candle(open_time=at, open=o, high=h, low=low, close=c, volume=v)
                for at, (o, h, low, c, v) in rows
            ],
        )

    def scores(self, symbol: str, interval: str = "1h") -> Scoreboard:
        """The live scoreboard over the newest ``SCORE_SPAN``.

        Raises:
            UnknownMarket: it is not configured.
            StoreUnavailable: the store cannot be read.
        """
        market = self._market(symbol, interval)
        kept_at, kept = self._boards.get(market, (0.0, None))
        if kept is not None and time.monotonic() - kept_at < SCORES_KEPT_SECONDS:
            return kept
        scores = self._store.scores.read(market, start=self._clock.now() - SCORE_SPAN)
        state = self._board.state(market)
        board = tally(market, scores, self._clock.simulated or REPLAYED in state.reasons)
        self._boards[market] = (time.monotonic(), board)
        return board

    def models(self) -> ModelList:
        """Champion, the one before, the one that serves, and the history of each market."""
        states = map(self._board.state, self._board.markets)
        return ModelList(markets=[models_of(state) for state in states])

    @property
    def draining(self) -> bool:
        """Whether the process is about to end."""
        return self._draining

    def drain(self) -> None:
        """The process is about to end: be ready no longer, and answer what still comes."""
        self._draining = True

    def readiness(self) -> Readiness:
        """Whether at least one market has a forecast, and what the others miss."""
        states = [self._board.state(market) for market in self._board.markets]
        return Readiness(
            ready=not self._draining and any(state.snapshot for state in states),
            draining=self._draining,
            markets=[readiness_of(state) for state in states],
        )

    def _market(self, symbol: str, interval: str) -> Market:
        if interval not in INTERVALS:
            raise InvalidParameter(
                f"unknown interval {interval[:40]!r}", field="interval", allowed=list(INTERVALS)
            )
        market = Market(symbol, interval)
        known = self._board.markets
        if market in known:
            return market
        intervals = [other.interval for other in known if other.symbol == symbol]
        if intervals:
            raise UnknownMarket(
                f"{symbol} is not served with interval {interval}",
                field="interval",
                allowed=intervals,
            )
        raise UnknownMarket(
            f"no market {symbol[:40]!r}",
            field="symbol",
            allowed=list(dict.fromkeys(other.symbol for other in known)),
        )

    def _positions(self, levels: Sequence[float] | None) -> tuple[int, ...]:
        return self.limits.default_levels if levels is None else level_positions(levels)

    def _answer(self, state: MarketState, horizon: int | None, levels: tuple[int, ...]) -> Answer:
        snapshot = state.snapshot
        most = self.limits.horizon
        if snapshot is not None:
            most = min(most, snapshot.forecast.horizon)
        steps = most if horizon is None else within("horizon", horizon, 1, most)
        if snapshot is None:
            raise ForecastUnavailable(f"no forecast of {state.market}: {state.missing}")
        now = self._clock.now()
        cutoff = snapshot.forecast.cutoff
        return Answer(
            snapshot=snapshot,
            steps=steps,
            levels=levels,
            data_age_seconds=(now - cutoff).total_seconds(),
            degraded=(*state.reasons, *self._age_reasons(state, cutoff, now)),
            state=state,
            made_at=now,
            until=self._until(snapshot, now),
        )

    def _until(self, snapshot: Snapshot, now: datetime) -> datetime:
        """When an answer made now is no longer right."""
        forecast = snapshot.forecast
        limits = (self.limits.degraded_after_candles, self.limits.max_staleness_candles)
        changes = [
            forecast.cutoff + candles * forecast.market.length + datetime.resolution
            for candles in limits
        ]
        changes.append(forecast.cutoff - MAX_CLOCK_LAG)
        return min([now + AGE_STEP, *(change for change in changes if change > now)])

    def _age_reasons(self, state: MarketState, cutoff: datetime, now: datetime) -> tuple[str, ...]:
        age_candles = (now - cutoff) / state.market.length
        if age_candles > self.limits.max_staleness_candles:
            stale = (
                f"the newest candle ended {age_candles:.1f} candles ago, "
                f"served are at most {self.limits.max_staleness_candles:g}"
            )
            reasons = "; ".join((stale, *state.reasons))
            raise ForecastUnavailable(f"no forecast of {state.market}: {reasons}")
        degraded_after = self.limits.degraded_after_candles
        problem = age_problem(cutoff, state.market.interval, now, degraded_after)
        return () if problem is None else (problem.reason,)
