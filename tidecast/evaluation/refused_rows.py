"""How many rows of the input were refused, and why."""

from collections.abc import Sequence
from typing import Any

from tidecast.candles import Quarantined
from tidecast.timeframes import format_rfc3339

EXAMPLE_CHARACTERS = 160


def refused_rows(refused: Sequence[Quarantined]) -> dict[str, Any]:
    """Counts per reason, the commonest first, each with the first row that has it.

    Returns:
        ``{"rows": 3, "reasons": [{"reason": ..., "rows": 2, "example": ...}, ...]}``, JSON-able.
    """
    counts: dict[str, int] = {}
    examples: dict[str, str] = {}
    for row in refused:
        counts[row.reason] = counts.get(row.reason, 0) + 1
        examples.setdefault(row.reason, _example(row))
    reasons = [
        {"reason": reason, "rows": count, "example": examples[reason]}
        for reason, count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    return {"rows": len(refused), "reasons": reasons}


def _example(row: Quarantined) -> str:
    time = "no time" if row.open_time is None else format_rfc3339(row.open_time)
    return f"{time} {row.row}"[:EXAMPLE_CHARACTERS]
