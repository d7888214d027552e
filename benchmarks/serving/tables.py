"""The Markdown of each part that was measured."""

from collections.abc import Callable, Sequence
from typing import Any

Part = dict[str, Any]

CASES = {
    "tidecast GET": "Tidecast, `GET /v1/forecasts/BTC-USD`",
    "tidecast POST": "Tidecast, `POST /forecast`, the BentoML API",
    "tidecast gRPC": "Tidecast, gRPC `Forecast`",
    "tidecast OIP REST": "Tidecast, OIP infer over REST",
    "tidecast OIP gRPC": "Tidecast, OIP infer over gRPC",
    "BentoML @api": "BentoML, stock `@api`, constant of 639 bytes",
    "MLServer REST": "MLServer, infer over REST, constant model",
    "MLServer gRPC": "MLServer, infer over gRPC, constant model",
}
MEMORY_EVERY_SECONDS = 10


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def rates(part: Part) -> list[str]:
    """Answers a second and their times, of every case."""
    rows = [
        (
            words,
            f"{found['rate']:,.0f}",
            f"{found['p50_ms']:.2f} ms",
            f"{found['p99_ms']:.2f} ms",
            f"{found['core_us']:.0f} us",
        )
        for name, words in CASES.items()
        for found in (part[name],)
    ]
    return table(("", "answers a second", "p50", "p99", "core for one"), rows)


def throughput(part: Part) -> list[str]:
    """Every case, and its rounds."""
    rounds = [
        f"- {words}: {', '.join(f'{rate:,.0f}' for rate in part[name]['rates'])}"
        for name, words in CASES.items()
    ]
    return [
        "16 connections, each with one request in flight. Tidecast answers what it serves, with",
        "its metrics on; the peers answer a constant.",
        "",
        *rates(part),
        "",
        "Answers a second in each round:",
        "",
        *rounds,
    ]


def changes(part: Part) -> list[str]:
    """Candles and champions that came during a load."""
    rows = []
    for name in ("candle", "champion"):
        one = part[name]
        rows.append(
            (
                f"{name}, {one['events']} times",
                f"{one['rate']:,.0f}/s",
                f"{one['quiet_p99_ms']:.2f} ms",
                f"{one['p99_ms']:.2f} ms",
                f"{one['p99_computing_ms']:.2f} ms",
                f"{one['max_ms']:.1f} ms",
                f"{one['errors']}",
                f"{max(one['seconds_to_compute']):.3f} s",
                f"{max(one['seconds_to_serve']):.2f} s",
            )
        )
    head = ("", "rate", "p99 quiet", "p99 from the change to 0.1 s after the new forecast")
    head += ("p99 of the computation", "slowest", "errors", "computed in", "served after")
    return [
        f"Half of the capacity of {part['capacity']:,.0f}/s, at a constant rate that no slow "
        "answer holds up. The worse of the two p99 counts.",
        "",
        *table(head, rows),
    ]


def watchers(part: Part) -> list[str]:
    """How soon they all have a forecast, and what they cost."""
    last = ", ".join(f"{value:.0f}" for value in part["last_ms"])
    row = (
        f"{part['watchers']}",
        f"{part['median_ms']:.0f} ms",
        f"{part['p99_ms']:.0f} ms",
        f"{part['kb_per_watcher']:.0f} kB",
        f"{part['cpu_ms_per_event']:.0f} ms",
        f"{part['threads'] - part['threads_alone']:.0f}",
    )
    head = ("watchers", "median", "p99", "memory of one", "core for one forecast", "more threads")
    return [
        "Streams of gRPC; the time from the publication to the receipt. The core of a forecast",
        "counts its computation too.",
        "",
        *table(head, [row]),
        "",
        f"The last watcher of each forecast, ms: {last}.",
    ]


def overload(part: Part) -> list[str]:
    """Both loads, and the memory under the long one."""
    rows = []
    for name, words in (("api", "`POST /forecast`, 120 s"), ("default", "default answer, 10 s")):
        one = part[name]
        rows.append(
            (
                words,
                f"{one['capacity']:,.0f}/s",
                f"{one['offered']:,.0f}/s, {one['multiple']:.1f}x",
                f"{one['accepted']:,}",
                f"{one['accepted_p99_ms']:.1f} ms",
                f"{one['refused']:,}",
                f"{one['refused_p99_ms']:.1f} ms",
                f"{one['refused_max_ms']:.1f} ms",
                f"{one['other']:,}",
            )
        )
    head = ("", "capacity", "offered", "accepted", "their p99")
    head += ("429", "their p99", "slowest 429", "other answers")
    shown = ", ".join(f"{value:.0f}" for value in part["api"]["rss"][::MEMORY_EVERY_SECONDS])
    return [
        f"`POST /forecast` is asked at a rate, over {part['api']['connections']} connections. The "
        "default answer is asked for as fast as one core can, over "
        f"{part['default']['connections']} connections. What a wait kept a connection from asking "
        "is counted as if it had been asked.",
        "",
        *table(head, rows),
        "",
        f"Memory of the worker under the first, every {MEMORY_EVERY_SECONDS} s, MB: {shown}.",
    ]


def memory(part: Part) -> list[str]:
    """At rest, and after more and more requests."""
    statuses = ", ".join(
        f"{count:,} of {status}" for status, count in part["statuses"].items() if count
    )
    rows = [("at rest", f"{part['idle']['rss']:.1f} MB", f"{part['idle']['pss']:.1f} MB")]
    rows += [
        (f"{one['requests']:,}", f"{one['rss']:.1f} MB", f"{one['pss']:.1f} MB")
        for one in part["after"]
    ]
    supervisor = part["supervisor"]
    return [
        "A fifth of the requests are gRPC. Of ten others six are GET, two are POST, two ask for",
        f"random paths that do not exist. Answers over HTTP: {statuses}.",
        "",
        *table(("requests", "RSS of the worker", "PSS"), rows),
        "",
        f"The parent of the worker beside it: RSS {supervisor['rss']:.1f} MB, PSS "
        f"{supervisor['pss']:.1f} MB.",
    ]


TABLES: dict[str, Callable[[Part], list[str]]] = {
    "throughput": throughput,
    "changes": changes,
    "watchers": watchers,
    "overload": overload,
    "memory": memory,
}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
