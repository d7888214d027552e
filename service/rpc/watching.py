"""``WatchForecasts``: what is published, kept for a while, and what one watcher gets of it."""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.dataplane import DataPlane
from service.parameters import level_positions
from service.proto import forecast_pb2 as pb
from service.rpc.encoding import ForecastFacts, facts_of, lasting_part, passing_part
from service.rpc.forecasts import DEFAULT_INTERVAL, wanted_levels
from service.rpc.streams import Source
from service.snapshot import Snapshot
from tidecast.errors import ForecastUnavailable, InvalidParameter
from tidecast.timeframes import Market

KEPT_CUTOFFS = 24
"""Newest cutoffs of each market that are kept for watchers that come back."""
KEPT_PARTS = 16
"""Different selections of steps and levels that are kept rendered for each forecast."""
TIME_ALLOWED = "an instant of the years 1 to 9999"


@dataclass(frozen=True, eq=False)
class Published:
    """One forecast that was published.

    Attributes:
        serial: ascending over all markets.
    """

    serial: int
    facts: ForecastFacts
    _parts: dict[tuple[int, tuple[int, ...]], bytes] = field(default_factory=dict)

    def part(self, steps: int, levels: tuple[int, ...]) -> bytes:
        """Its lasting part; rendered once for all who want the same."""
        key = (steps, levels)
        part = self._parts.get(key)
        if part is None:
            if len(self._parts) >= KEPT_PARTS:
                self._parts.clear()
            part = self._parts[key] = lasting_part(self.facts, steps, levels)
        return part


class History:
    """What was published of each market, oldest first; one forecast for each cutoff."""

    def __init__(self, markets: Sequence[Market]) -> None:
        self._kept: dict[Market, tuple[Published, ...]] = dict.fromkeys(markets, ())
        self._serial = 0
        self._adding = threading.Lock()

    def add(self, market: Market, snapshot: Snapshot) -> None:
        """Keep a forecast instead of the one with its cutoff, or else of the oldest."""
        with self._adding:
            self._serial += 1
            facts = facts_of(snapshot)
            others = [old for old in self._kept[market] if old.facts.cutoff != facts.cutoff]
            newest = deque(others, maxlen=KEPT_CUTOFFS)
            newest.append(Published(self._serial, facts))
            self._kept[market] = tuple(newest)

    @property
    def markets(self) -> tuple[Market, ...]:
        """All of them."""
        return tuple(self._kept)

    def of(self, market: Market) -> tuple[Published, ...]:
        """What is kept of one market."""
        return self._kept[market]


@dataclass(frozen=True)
class Asked:
    """What one watcher wants.

    Attributes:
        horizon: most steps.
        levels: positions in ``LEVELS``, ascending.
        resume_after: cutoff of the last forecast seen; None begins with the newest.
    """

    markets: tuple[Market, ...]
    horizon: int
    levels: tuple[int, ...]
    resume_after: datetime | None


class Watch:
    """What one watcher has yet to get. Used by one thread at a time."""

    def __init__(self, asked: Asked, history: History, plane: DataPlane) -> None:
        self._asked = asked
        self._history = history
        self._plane = plane
        self._seen = {market: self._seen_before(market) for market in asked.markets}

    def take(self) -> bytes | None:
        """The oldest forecast that was not sent; who is far behind misses what is not kept."""
        while (found := self._next()) is not None:
            facts = found.facts
            self._seen[facts.market] = found.serial
            try:
                age, degraded = self._plane.moment(facts.market, facts.cutoff, facts.reasons)
            except ForecastUnavailable:
                continue  # too old to be served by now
            steps = min(self._asked.horizon, len(facts.mean))
            return found.part(steps, self._asked.levels) + passing_part(age, degraded)
        return None

    def _next(self) -> Published | None:
        firsts = (
            next((each for each in self._history.of(market) if each.serial > seen), None)
            for market, seen in self._seen.items()
        )
        unseen = [first for first in firsts if first is not None]
        return min(unseen, key=lambda each: each.serial, default=None)

    def _seen_before(self, market: Market) -> int:
        kept = self._history.of(market)
        after = self._asked.resume_after
        if after is None:
            return kept[-1].serial - 1 if kept else 0
        return max((each.serial for each in kept if each.facts.cutoff <= after), default=0)


class Watching:
    """Opens watches.

    Args:
        plane: knows what may be asked, and the moment of an answer.
        history: what was published.
    """

    def __init__(self, plane: DataPlane, history: History) -> None:
        self._plane = plane
        self._history = history

    def subscribe(self, request: bytes) -> Source:
        """What a watcher gets: what is there now, then each forecast that is published.

        Raises:
            DecodeError: the request is not protobuf.
            CallerError: a field of it is wrong.
        """
        asked = self._asked(pb.WatchForecastsRequest.FromString(request))
        return Watch(asked, self._history, self._plane).take

    def _asked(self, request: pb.WatchForecastsRequest) -> Asked:
        interval = request.interval or DEFAULT_INTERVAL
        levels = wanted_levels(request)
        horizon = request.horizon if request.HasField("horizon") else None
        symbols = list(dict.fromkeys(request.symbols)) or self._symbols(interval)
        for symbol in symbols:
            with suppress(ForecastUnavailable):  # one that comes will be sent
                self._plane.forecast(symbol, interval, horizon, levels)
        limits = self._plane.limits
        return Asked(
            markets=tuple(Market(symbol, interval) for symbol in symbols),
            horizon=limits.horizon if horizon is None else horizon,
            levels=limits.default_levels if levels is None else level_positions(levels),
            resume_after=_instant(request) if request.HasField("resume_after") else None,
        )

    def _symbols(self, interval: str) -> list[str]:
        """Of all markets with this interval; of one without it where none has, to be refused."""
        markets = self._history.markets
        found = [market.symbol for market in markets if market.interval == interval]
        return found or [markets[0].symbol]


def _instant(request: pb.WatchForecastsRequest) -> datetime:
    try:
        return request.resume_after.ToDatetime(tzinfo=UTC)
    except ValueError as error:
        raise InvalidParameter(str(error), field="resume_after", allowed=TIME_ALLOWED) from error
