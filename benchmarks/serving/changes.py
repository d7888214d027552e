"""What callers notice when a candle arrives and when the champion is swapped, at half the capacity.

Both happen again and again during one load at a constant rate. A window goes from the change in the
store to shortly after the new forecast is served; all other answers are the quiet ones, of the same
run and the same process.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving import asked, h2load, servers, wrk
from benchmarks.serving.answers import Answers
from benchmarks.serving.home import Home

CAPACITY_SECONDS = 5
SHARE_OF_CAPACITY = 0.5
EVENTS = 10
PAUSE_SECONDS = 3.0
"""Between two changes, so that most of the time is quiet."""
LEAD_SECONDS = 3.0
AFTER_SECONDS = 0.1
"""The window goes on so long after the swap: the forecast is logged, old memory is given back."""
POLLED = {"TIDECAST_SERVICE__REGISTRY_POLL_SECONDS": "0.2"}
"""Shorter than the default of 2 s, so that the windows of a swap hold little but the swap."""
Span = tuple[float, float]
"""Begin and end, seconds of the epoch."""
NICENESS = 19
"""Of what makes the changes. It has to share a core with the load, and must not disturb it."""


def measure(home: Home, folder: Path) -> dict[str, Any]:
    """Percentiles of quiet times and of changes; ``candle`` and ``champion``."""
    own = home.copy(folder / "changes")
    try:
        with servers.tidecast(own, **POLLED) as server:
            url = server.url + asked.FORECAST
            _load_libraries(own, server)
            capacity = wrk.closed(url, CAPACITY_SECONDS).rate
            found: dict[str, Any] = {"capacity": capacity}
            for name, change in (("candle", own.arrive), ("champion", own.promote)):
                print(f"  {name}s at {capacity * SHARE_OF_CAPACITY:,.0f}/s", flush=True)
                found[name] = _during(server, url, capacity * SHARE_OF_CAPACITY, change)
    finally:
        own.close()
    return found


@dataclass(frozen=True)
class Served:
    """A new forecast, as the service's log tells of it.

    Attributes:
        at: when it was swapped in, seconds of the epoch.
        seconds: how long its computation took.
        facts: cutoff and version of the model.
    """

    at: float
    seconds: float
    facts: tuple[str, str]


@dataclass(frozen=True)
class Change:
    """A change of the store, when it began, and what the service served for it.

    A promotion may be served twice: the alias is seen first, the row that tells of it later.
    """

    begun: float
    served: list[Served]

    @property
    def seconds(self) -> float:
        """Until it was served first."""
        return self.served[0].at - self.begun

    @property
    def window(self) -> Span:
        """From its begin until all of it is over."""
        return self.begun, self.served[-1].at + AFTER_SECONDS

    @property
    def computing(self) -> list[Span]:
        """The computations, and what comes after each."""
        return [(one.at - one.seconds, one.at + AFTER_SECONDS) for one in self.served]


def _load_libraries(home: Home, server: servers.Server) -> None:
    """One change of each kind before anything is measured: the first takes seconds here."""
    for change in (home.arrive, home.promote):
        fact = change()
        servers.wait(server, lambda fact=fact: bool(_served(server.log, fact)))  # type: ignore[misc]


def _during(
    server: servers.Server, url: str, rate: float, change: Callable[[], str]
) -> dict[str, Any]:
    seconds = LEAD_SECONDS + EVENTS * PAUSE_SECONDS
    begun: list[tuple[float, str]] = []
    with h2load.attack(url, rate, seconds) as answers:
        changer = threading.Thread(target=_change, args=(change, begun))
        changer.start()
        measured = answers()
        changer.join()
    made = [Change(moment, _served(server.log, fact)) for moment, fact in begun]
    if not all(one.served for one in made):
        raise RuntimeError(f"not every change was served:\n{server.log.read_text()[-2000:]}")
    return _figures(measured, made, rate)


def _change(change: Callable[[], str], begun: list[tuple[float, str]]) -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    first = time.monotonic() + LEAD_SECONDS
    for number in range(EVENTS):
        time.sleep(max(0.0, first + number * PAUSE_SECONDS - time.monotonic()))
        moment = time.time()
        begun.append((moment, change()))


def _served(log: Path, fact: str) -> list[Served]:
    """The forecasts of a cutoff or of a version."""
    found = []
    for line in log.read_text().splitlines():
        if '"snapshot_served"' in line:
            told = json.loads(line)
            moment = datetime.fromisoformat(told["timestamp"]).timestamp()
            found.append(Served(moment, told["seconds"], (told["cutoff"], told["version"])))
    return [one for one in found if fact in one.facts]


def _figures(measured: Answers, made: list[Change], rate: float) -> dict[str, Any]:
    busy = _inside(measured, [one.window for one in made])
    computing = _inside(measured, [span for one in made for span in one.computing])
    return {
        "asked_rate": rate,
        "rate": measured.rate,
        "events": len(made),
        "requests_in_windows": int(np.count_nonzero(busy)),
        "seconds_to_serve": [one.seconds for one in made],
        "seconds_to_compute": [served.seconds for one in made for served in one.served],
        "quiet_p99_ms": measured.percentile_ms(measured.good & ~busy, 99),
        "p99_ms": measured.percentile_ms(measured.good & busy, 99),
        "p99_computing_ms": measured.percentile_ms(measured.good & computing, 99),
        "max_ms": float(measured.times_ms[busy].max(initial=0)),
        "errors": int(np.count_nonzero(~measured.good)),
        "statuses": measured.statuses(),
    }


def _inside(measured: Answers, windows: list[Span]) -> NDArray[np.bool_]:
    """Which answers were in flight in one of the windows."""
    inside = np.zeros(len(measured.starts), dtype=bool)
    for start, end in windows:
        inside |= measured.between(start, end)
    return inside
