"""The objectives of a load test, as data, and the verdict on what was measured.

Answers that were shed (429, RESOURCE_EXHAUSTED) are counted apart from errors: under a load that
the service can bear one is a fault, under a spike it is what was promised. Their times are kept out
of the percentiles, which a quick refusal would make look good.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

SHED = "shed"
"""Name under which every refused request is counted, whatever it asked."""
MET, MISSED = 0, 1
"""Exit codes."""


@dataclass(frozen=True)
class Objective:
    """What each protocol must reach.

    Attributes:
        p95_ms: 95 of 100 accepted requests are answered within it, milliseconds.
        p99_ms: 99 of 100 accepted requests are answered within it, milliseconds.
        error_share: largest share of requests that may fail.
        shed_share: largest share of requests that may be refused for too much load.
    """

    p95_ms: float
    p99_ms: float
    error_share: float
    shed_share: float


# Locust needs half a millisecond of a core for each request, so its times are a ceiling and not
# those of the service; `make bench-serving` measures these. The bounds are for a machine that does
# other things too.
OBJECTIVES = {
    "steady": Objective(p95_ms=50, p99_ms=150, error_share=0.001, shed_share=0.0),
    "step": Objective(p95_ms=100, p99_ms=250, error_share=0.001, shed_share=0.0),
    "spike": Objective(p95_ms=250, p99_ms=750, error_share=0.001, shed_share=0.5),
    "soak": Objective(p95_ms=50, p99_ms=150, error_share=0.001, shed_share=0.0),
}


class Entry(Protocol):
    """What is read of a row of Locust's statistics."""

    name: str
    method: str
    num_requests: int
    num_failures: int
    response_times: dict[int, int]


@dataclass
class Measured:
    """What one protocol did.

    Attributes:
        requests: all of them, those that failed and those that were shed too.
        response_times: how many were answered after so many milliseconds, shed ones left out.
    """

    kind: str
    requests: int = 0
    errors: int = 0
    sheds: int = 0
    response_times: Counter[int] = field(default_factory=Counter)

    def values(self) -> dict[str, float]:
        """The figures by the names of an ``Objective``; there must have been a request."""
        return {
            "p95_ms": percentile(self.response_times, 0.95),
            "p99_ms": percentile(self.response_times, 0.99),
            "error_share": self.errors / self.requests,
            "shed_share": self.sheds / self.requests,
        }


def measured(entries: Iterable[Entry], kinds: Iterable[str]) -> list[Measured]:
    """Add up Locust's rows by protocol.

    Args:
        entries: one for each pair of protocol and name.
        kinds: protocols that should have been asked; they are there even when they were not.
    """
    by_kind: defaultdict[str, Measured] = defaultdict(lambda: Measured(""))
    for kind in kinds:
        by_kind[kind].kind = kind
    for entry in entries:
        found = by_kind[entry.method]
        found.kind = entry.method
        found.requests += entry.num_requests
        found.errors += entry.num_failures
        if entry.name == SHED:
            found.sheds += entry.num_requests
        else:
            found.response_times.update(entry.response_times)
    return list(by_kind.values())


def percentile(response_times: Mapping[int, int], share: float) -> float:
    """Time within which a share of the answers came, milliseconds; 0 without answers."""
    wanted = share * sum(response_times.values())
    seen = 0
    for time in sorted(response_times):
        seen += response_times[time]
        if seen >= wanted:
            return float(time)
    return 0.0


def missed(found: Sequence[Measured], objective: Objective) -> list[str]:
    """One sentence for each objective that a protocol missed; empty when all are met."""
    if not found:
        return ["no request was made"]
    return [sentence for one in found for sentence in _missed_by(one, objective)]


def exit_code(sentences: Sequence[str]) -> int:
    """Exit code of a load test that missed these objectives."""
    return MISSED if sentences else MET


def table(found: Sequence[Measured], objective: Objective) -> str:
    """The figures beside the objectives, as text."""
    names = list(vars(objective))
    rows = [["", "requests", *names]]
    rows.append(["objective", "", *(f"{vars(objective)[name]:g}" for name in names)])
    for one in found:
        values = one.values() if one.requests else {}
        figures = [f"{values[name]:.4g}" if name in values else "-" for name in names]
        rows.append([one.kind, f"{one.requests:,}", *figures])
    return "\n".join("".join(f"{cell:>13}" for cell in row) for row in rows)


def _missed_by(one: Measured, objective: Objective) -> list[str]:
    if not one.requests:
        return [f"{one.kind}: no request was made"]
    allowed = vars(objective)
    sentences = [
        f"{one.kind}: {name} is {value:.4g}, allowed are {allowed[name]:g}"
        for name, value in one.values().items()
        if value > allowed[name]
    ]
    if not one.response_times:
        sentences.append(f"{one.kind}: no request was accepted")
    return sentences
