"""The page of the figures, and their block in the README."""

from typing import Any

from benchmarks import machine, readme
from benchmarks.serving.figures import Figure, figures
from benchmarks.serving.tables import TABLES, rates, table

BLOCK = "serving"
BUSY = 1.0
"""Load of the machine before a part, above which its figures say little."""
MACHINE = ("date", "processor", "cores", "memory", "python", "load_before")


def page(results: dict[str, Any]) -> list[str]:
    """The Markdown page of all parts that were measured."""
    lines = ["# Serving, measured", "", "Written by `make bench-serving`; do not edit.", ""]
    lines += ["One worker. The server has one core, the load the other, over loopback.", ""]
    lines += ["## Figures", "", *_judged(figures(results)), ""]
    for part, tables in TABLES.items():
        if part in results:
            lines += [*_head(part, results[part]), *tables(results[part]), ""]
    return lines[:-1]


def block(results: dict[str, Any]) -> list[str]:
    """The few figures that a reader of the README wants."""
    part = results["throughput"]
    judged = figures(results)
    missed = [figure.what for figure in judged if not figure.reaches(figure.must)]
    reached = f"{len(judged) - len(missed)} of {len(judged)} figures reach what they must."
    return [
        "",
        f"Measured {machine.line(part['machine'])}.{_busy(part)}",
        "One worker on one core, the load on the other, peers in turn in the same run, medians of",
        "three rounds.",
        "",
        *rates(part),
        "",
        reached + (f" Missed: {'; '.join(missed)}." if missed else ""),
        "All of them: [benchmarks/serving/results.md](benchmarks/serving/results.md). Made by",
        "`make bench-serving`.",
        "",
    ]


def with_block(text: str, results: dict[str, Any]) -> str:
    """The README with its block made anew; as it was while there is nothing to show."""
    if "throughput" not in results:
        return text
    return readme.with_block(text, BLOCK, block(results))


def _judged(found: list[Figure]) -> list[str]:
    rows = []
    for one in found:
        rows.append(
            (
                one.what,
                "never" if one.value is None else f"{one.value:,.3g}{one.unit}",
                f"at {'least' if one.more else 'most'} {one.must:g}{one.unit}",
                "" if one.aim is None else f"{one.aim:g}{one.unit}",
                one.verdict,
                one.detail,
            )
        )
    return table(("figure", "measured", "must", "aim", "reached", ""), rows)


def _head(part: str, found: dict[str, Any]) -> list[str]:
    facts = found["machine"]
    versions = ", ".join(f"{name} {value}" for name, value in facts.items() if name not in MACHINE)
    line = f"{machine.line(facts)}. Took {found['seconds']:.0f} s.{_busy(found)}"
    return [f"## {part.capitalize()}", "", line, f"With {versions}.", ""]


def _busy(found: dict[str, Any]) -> str:
    if float(found["machine"]["load_before"]) <= BUSY:
        return ""
    return " **The machine was busy with other things: these figures say little.**"
