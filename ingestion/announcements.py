"""Events about the candles of one market, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidecast.candles import Gap
from tidecast.store import Store, Suspect
from tidecast.timeframes import Market, format_rfc3339

ANNOUNCED_SPAN = timedelta(days=7)
"""Older gaps and jumps, found while history is filled, are listed but make no event."""


@dataclass(frozen=True)
class Announcements:
    """Adds the events of one run.

    Attributes:
        now: start of the run, UTC.
    """

    store: Store
    market: Market
    now: datetime

    def gaps(self, gaps: Sequence[Gap]) -> None:
        """Announce each recent gap that no source filled."""
        for gap in gaps:
            detail = {
                "start": format_rfc3339(gap.start),
                "end": format_rfc3339(gap.end),
                "missing": gap.missing,
            }
            self._add("CandleGap", "candle-gap", gap.end, detail, detail["start"])

    def held_back(self, suspects: Sequence[Suspect]) -> None:
        """Announce a jump whose candles wait for confirmation."""
        if suspects:
            newest = self.store.candles.newest(self.market)
            last_close = {"last_close": newest.close} if newest else {}
            self._jump("JumpSuspected", "jump-suspected", suspects, last_close)

    def confirmed(self, suspects: Sequence[Suspect]) -> None:
        """Announce a jump whose candles were held back and are stored now."""
        if suspects:
            self._jump("JumpConfirmed", "jump-confirmed", suspects, {})

    def _jump(
        self, kind: str, key: str, suspects: Sequence[Suspect], more: dict[str, float]
    ) -> None:
        first = min(suspects, key=lambda suspect: suspect.open_time)
        detail = {
            "open_time": format_rfc3339(first.open_time),
            "candles": len({suspect.open_time for suspect in suspects}),
            "close": first.close,
            **more,
            "source": first.source,
        }
        self._add(kind, key, first.open_time, detail, detail["open_time"])

    def _add(
        self, kind: str, key: str, at: datetime, detail: dict[str, object], start: object
    ) -> None:
        if at > self.now - ANNOUNCED_SPAN:
            self.store.events.add(
                kind, f"{key}:{self.market}:{start}", detail, self.now, self.market
            )
