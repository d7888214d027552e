"""Keeps what was rendered of the snapshots that serve now, so that an answer only joins bytes."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from service.dataplane import Answer
from service.snapshot import Snapshot
from tidecast.timeframes import Market

KEPT_PER_SNAPSHOT = 32
"""Different questions remembered: at the widest one some 50 kB each."""

Asked = TypeVar("Asked", bound=Hashable)
Made = TypeVar("Made")


class Prepared(Generic[Asked, Made]):
    """Renders at the first question of a kind, and anew when the market has a new snapshot.

    Two threads may render the same at once; both results are right.

    Args:
        render: makes the constant parts of an answer to what was asked beside steps and levels.
    """

    def __init__(self, render: Callable[[Answer, Asked], Made]) -> None:
        self._render = render
        self._made: dict[Market, tuple[Snapshot, dict[Hashable, Made]]] = {}

    def parts(self, answer: Answer, asked: Asked) -> Made:
        """The constant parts of an answer."""
        market = answer.snapshot.forecast.market
        snapshot, made = self._made.get(market, (None, {}))
        if snapshot is not answer.snapshot:
            made = {}
            self._made[market] = (answer.snapshot, made)
        key = (answer.steps, answer.levels, asked)
        parts = made.get(key)
        if parts is None:
            if len(made) >= KEPT_PER_SNAPSHOT:
                made.clear()
            parts = made[key] = self._render(answer, asked)
        return parts
