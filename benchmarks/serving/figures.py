"""Every figure that serving is judged by, with what it must reach and what it aims at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Part = dict[str, Any]
EXPECTED = ("200", "404")
"""Statuses of the million requests, some of which ask for paths that do not exist."""


@dataclass(frozen=True)
class Figure:
    """One figure of a part.

    Attributes:
        what: in words.
        value: None where what was wanted never happened.
        unit: behind the number.
        must: the worst that is good enough.
        aim: what is wanted, None where there is no more to want.
        more: whether more is better.
        detail: what it was made from.
    """

    what: str
    value: float | None
    unit: str
    must: float
    aim: float | None = None
    more: bool = False
    detail: str = ""

    def reaches(self, bound: float) -> bool:
        """Whether the value is as good as a bound."""
        if self.value is None:
            return False
        return self.value >= bound if self.more else self.value <= bound

    @property
    def verdict(self) -> str:
        """What it reaches, in words."""
        if not self.reaches(self.must):
            return "**missed**"
        return "aim" if self.aim is not None and self.reaches(self.aim) else "must"


def figures(results: dict[str, Part]) -> list[Figure]:
    """The figures of all parts that were measured, in the order of the page."""
    return [
        figure
        for part, judge in JUDGES.items()
        if part in results
        for figure in judge(results[part])
    ]


def _throughput(part: Part) -> Iterator[Figure]:
    def against(what: str, ours: str, theirs: str, must: float, aim: float) -> Figure:
        rates = part[ours]["rate"], part[theirs]["rate"]
        detail = f"{rates[0]:,.0f}/s against {rates[1]:,.0f}/s"
        return Figure(what, rates[0] / rates[1], "x", must, aim, more=True, detail=detail)

    get = "`GET /v1/forecasts/BTC-USD`"
    yield against(f"{get} against stock BentoML `@api`", "tidecast GET", "BentoML @api", 4.5, 8)
    yield Figure(f"{get}, p99 with 16 connections", part["tidecast GET"]["p99_ms"], " ms", 5, 3)
    yield against(f"{get} against MLServer infer", "tidecast GET", "MLServer REST", 2, 4)
    yield against(
        "`POST /forecast` against stock BentoML `@api`", "tidecast POST", "BentoML @api", 2.5, 3
    )
    yield against(
        "gRPC `Forecast` against stock BentoML `@api`", "tidecast gRPC", "BentoML @api", 4.7, 6
    )
    yield against("OIP infer, REST, against MLServer", "tidecast OIP REST", "MLServer REST", 1, 2)
    yield against("OIP infer, gRPC, against MLServer", "tidecast OIP gRPC", "MLServer gRPC", 1, 2)
    cases = [found for name, found in part.items() if name.startswith("tidecast ")]
    yield Figure("bad answers of ours in all rounds", sum(one["bad"] for one in cases), "", 0)


def _changes(part: Part) -> Iterator[Figure]:
    names = {"candle": "a candle arrives", "champion": "the champion is swapped"}
    for name, words in names.items():
        found = part[name]
        worse = max(found["p99_ms"], found["p99_computing_ms"])
        detail = (
            f"{worse:.2f} ms against {found['quiet_p99_ms']:.2f} ms, {found['events']} "
            f"times at {found['rate']:,.0f}/s"
        )
        ratio = worse / found["quiet_p99_ms"]
        yield Figure(
            f"p99 while {words}, at half the capacity", ratio, "x quiet", 2, 1.3, detail=detail
        )
        yield Figure(f"errors while {words}", found["errors"], "", 0)


def _watchers(part: Part) -> Iterator[Figure]:
    detail = f"the last of {part['watchers']}, worst of {part['events']} forecasts"
    seconds = max(part["last_ms"]) / 1000
    yield Figure("new forecast with every watcher", seconds, " s", 1, 0.2, detail=detail)


def _overload(part: Part) -> Iterator[Figure]:
    api = part["api"]
    multiple, capacity = api["multiple"], api["capacity"]
    what = "for two minutes, `POST /forecast`"
    offered = f"{api['offered']:,.0f}/s offered, capacity {capacity:,.0f}/s"
    yield Figure(f"load {what}", multiple, "x capacity", 2.9, 2.9, more=True, detail=offered)
    ratio = api["accepted_p99_ms"] / api["quiet_p99_ms"]
    detail = f"{api['accepted_p99_ms']:.1f} ms against {api['quiet_p99_ms']:.2f} ms"
    accepted = f"{detail}; {api['accepted']:,} accepted"
    yield Figure("accepted p99 under it", ratio, "x quiet", 5, detail=accepted)
    refused = f"{api['refused']:,} refused, slowest {api['refused_max_ms']:.1f} ms"
    yield Figure("p99 of the 429 under it", api["refused_p99_ms"], " ms", 10, detail=refused)
    yield Figure("answers that were neither", api["other"], "", 0)
    yield Figure("growth of memory under it", 100 * api["growth"], " %", 5)
    yield Figure("recovery after it", api["recovery_seconds"], " s", 5)


def _memory(part: Part) -> Iterator[Figure]:
    first, last = part["after"][0], part["after"][-1]
    growth = 100 * (last["rss"] / first["rss"] - 1)
    detail = (
        f"{last['rss']:.1f} MB after {last['requests']:,} requests, "
        f"{first['rss']:.1f} MB after {first['requests']:,}"
    )
    yield Figure("growth of the worker's memory", growth, " %", 5, detail=detail)
    wrong = sum(count for status, count in part["statuses"].items() if status not in EXPECTED)
    yield Figure("other answers than 200 and 404 to these requests", wrong, "", 0)
    supervisor = f"and {part['supervisor']['rss']:.0f} MB of its parent"
    yield Figure(
        "memory of the worker at rest", part["idle"]["rss"], " MB", 350, 250, False, supervisor
    )


JUDGES: dict[str, Callable[[Part], Iterator[Figure]]] = {
    "throughput": _throughput,
    "changes": _changes,
    "watchers": _watchers,
    "overload": _overload,
    "memory": _memory,
}
