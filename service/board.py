"""What is known now about each market: the only thing that answers are made from.

A ``MarketState`` is immutable and replaced as a whole, so a reader on any thread sees one moment.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.champion import Title
from service.snapshot import Snapshot
from tidecast.store import Promotion
from tidecast.timeframes import Market

NO_CANDLE = "no candle in the store yet"
NO_CHAMPION = "no champion promoted yet"
STARTING = "the service is starting"
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class MarketState:
    """One market at one moment.

    Attributes:
        snapshot: what is served; None before the first one.
        troubles: what is degraded, by the part that has the trouble, in the order of the parts.
        wanted: who should serve; None before that is known.
        promotions: newest first, as last read.
    """

    market: Market
    snapshot: Snapshot | None = None
    troubles: tuple[tuple[str, str], ...] = ()
    wanted: Title | None = None
    promotions: tuple[Promotion, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether there is a forecast, or it is known why there is none."""
        return self.snapshot is not None or bool(self.troubles)

    @property
    def missing(self) -> str:
        """Why there is no snapshot."""
        return "; ".join(why for _, why in self.troubles) or STARTING

    @property
    def reasons(self) -> tuple[str, ...]:
        """What an answer made now says under ``degraded``, staleness apart."""
        return (
            *(self.snapshot.reasons if self.snapshot else ()),
            *(why for _, why in self.troubles),
        )


class Board:
    """States of all markets; written by the watchers, read by every transport without a lock."""

    def __init__(self, markets: Sequence[Market]) -> None:
        self._writing = threading.Lock()
        self._states = {market: MarketState(market) for market in markets}
        self._listeners: list[Callable[[Market, Snapshot], None]] = []

    def subscribe(self, listener: Callable[[Market, Snapshot], None]) -> None:
        """Call ``listener`` after each new snapshot, on its thread; it must be quick."""
        self._listeners.append(listener)

    @property
    def markets(self) -> tuple[Market, ...]:
        """The configured markets, in the order of the settings."""
        return tuple(self._states)

    def wait_until_known(self, seconds: float) -> None:
        """Return when every market is known, or after so many seconds."""
        latest = time.monotonic() + seconds
        while not all(state.is_known for state in self._states.values()):
            if time.monotonic() > latest:
                break
            time.sleep(LOOK_SECONDS)

    def state(self, market: Market) -> MarketState:
        """The state now."""
        return self._states[market]

    def serve(self, market: Market, snapshot: Snapshot) -> None:
        """Swap the snapshot in and tell the subscribers."""
        self._change(market, snapshot=snapshot)
        for listener in self._listeners:
            listener(market, snapshot)

    def learn(self, market: Market, wanted: Title | None, promotions: Sequence[Promotion]) -> None:
        """Keep who should serve, and the promotion history."""
        self._change(market, wanted=wanted, promotions=tuple(promotions))

    def trouble(self, market: Market, part: str, reason: str | None) -> bool:
        """Note or, with None, clear the trouble of one part; tells whether that is news."""
        with self._writing:
            state = self._states[market]
            troubles = dict(state.troubles)
            before = troubles.pop(part, None)
            if reason is not None:
                troubles[part] = reason
            if before != reason:
                self._states[market] = replace(state, troubles=tuple(sorted(troubles.items())))
            return before != reason

    def _change(self, market: Market, **parts: Any) -> None:
        with self._writing:
            self._states[market] = replace(self._states[market], **parts)
