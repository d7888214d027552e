"""What ingestion remembers of one market between runs, as one small note in the store."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from tidecast.candles import Gap
from tidecast.store import Store
from tidecast.timeframes import Market, interval_length

LONGEST_GAP_PAUSE = timedelta(days=7)
"""A gap that no source can fill is still asked for this often."""


@dataclass
class Memory:
    """What was asked in vain or need not be asked again.

    Attributes:
        history_from: per source, the open time from which its history was asked once.
        gap_asked: per gap, how often it was asked for in vain.
        gap_next: per gap, when it may be asked for again.
        compared_at: when two sources were last compared.
    """

    history_from: dict[str, datetime] = field(default_factory=dict)
    gap_asked: dict[str, int] = field(default_factory=dict)
    gap_next: dict[str, datetime] = field(default_factory=dict)
    compared_at: datetime | None = None

    @classmethod
    def load(cls, store: Store, market: Market) -> Self:
        """Read the note of a market; an empty memory when there is none."""
        note = store.notes.get(_name(market)) or {}
        compared_at = note.get("compared_at")
        return cls(
            history_from=_times(note.get("history_from", {})),
            gap_asked=dict(note.get("gap_asked", {})),
            gap_next=_times(note.get("gap_next", {})),
            compared_at=datetime.fromisoformat(compared_at) if compared_at else None,
        )

    def save(self, store: Store, market: Market, now: datetime) -> None:
        """Write the note."""
        note: dict[str, Any] = {
            "history_from": _texts(self.history_from),
            "gap_asked": self.gap_asked,
            "gap_next": _texts(self.gap_next),
            "compared_at": self.compared_at.isoformat() if self.compared_at else None,
        }
        store.notes.put(_name(market), note, now)

    def due(self, gaps: list[Gap], now: datetime) -> list[Gap]:
        """The gaps that may be asked for now."""
        return [gap for gap in gaps if self.gap_next.get(_key(gap), now) <= now]

    def note_gaps(self, asked: set[Gap], left: list[Gap], interval: str, now: datetime) -> None:
        """Forget the gaps that were healed, and wait ever longer for those that were not."""
        keys = {_key(gap) for gap in left}
        self.gap_asked = {key: n for key, n in self.gap_asked.items() if key in keys}
        self.gap_next = {key: at for key, at in self.gap_next.items() if key in keys}
        for key in keys & {_key(gap) for gap in asked}:
            times = self.gap_asked.get(key, 0)
            self.gap_asked[key] = times + 1
            pause = interval_length(interval) * 2 ** min(times, 20)
            self.gap_next[key] = now + min(pause, LONGEST_GAP_PAUSE)


def _name(market: Market) -> str:
    return f"ingestion:{market}"


def _key(gap: Gap) -> str:
    return f"{gap.start.isoformat()}/{gap.end.isoformat()}"


def _times(texts: dict[str, str]) -> dict[str, datetime]:
    return {key: datetime.fromisoformat(text) for key, text in texts.items()}


def _texts(times: dict[str, datetime]) -> dict[str, str]:
    return {key: time.isoformat() for key, time in times.items()}
