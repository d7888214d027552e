"""What the monitor of a market remembers between two rounds, as one note in the store.

Every monitor reads and writes the same note, and what it says depends on the candles only, so any
number of them agree and a new one goes on where the old one ended.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitoring.decision import TriggerState
from monitoring.drift import ErrorDrift
from tidecast.store import Store
from tidecast.timeframes import Market, format_rfc3339


@dataclass(frozen=True)
class Memory:
    """State between rounds: that of the decision and that of the error drift."""

    trigger: TriggerState = field(default_factory=TriggerState)
    errors: ErrorDrift = field(default_factory=ErrorDrift)


def note_name(market: Market) -> str:
    """Name of the note of a market."""
    return f"monitor:{market}"


def recall(store: Store, market: Market) -> Memory:
    """The last memory of any monitor; an empty one at first."""
    note = store.notes.get(note_name(market))
    if note is None:
        return Memory()
    state = note["trigger"]
    trigger = TriggerState(
        version=state["version"],
        candle=_time(state["candle"]),
        exceeded=state["exceeded"],
        armed=state["armed"],
        above_since=_time(state["above_since"]),
    )
    return Memory(trigger, ErrorDrift.from_dict(note["error_drift"]))


def remember(
    store: Store, market: Market, memory: Memory, figures: dict[str, Any], now: datetime
) -> None:
    """Write the memory down, with the figures of the round beside it for people."""
    state = memory.trigger
    trigger = {
        "version": state.version,
        "candle": _text(state.candle),
        "exceeded": state.exceeded,
        "armed": state.armed,
        "above_since": _text(state.above_since),
    }
    note = {"figures": figures, "trigger": trigger, "error_drift": memory.errors.to_dict()}
    store.notes.put(note_name(market), note, now)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_rfc3339(moment)
