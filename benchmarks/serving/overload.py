"""What happens at three times the capacity: who is served, who is refused, when it is over.

BentoML's API is asked, because its capacity is low enough that the one core of the load can really
offer three times as much. The default answer is asked for too, as fast as the load can; what
multiple of its capacity that is, is said.
"""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving import asked, h2load, processes, servers, wrk
from benchmarks.serving.answers import recovery, shares
from benchmarks.serving.home import Home

MULTIPLE = 3.0
OVERLOAD_SECONDS = 120.0
QUIET_SECONDS = 10.0
AFTER_SECONDS = 15.0
CAPACITY_SECONDS = 5
OVERLOAD_CONNECTIONS = 128
QUIET_SHARE = 0.5
FLOOD_SECONDS = 10
FLOOD_CONNECTIONS = 256


def measure(home: Home, folder: Path) -> dict[str, Any]:
    """The dear and the default answer under more than they can bear."""
    with servers.tidecast(home.copy(folder / "overload")) as server:
        api = _api(server, server.url + asked.API)
        default = _default(server.url + asked.FORECAST)
    return {"api": api, "default": default}


def _api(server: servers.Server, url: str) -> dict[str, Any]:
    capacity = wrk.closed(url, CAPACITY_SECONDS, body=asked.POSTED).rate
    calm = capacity * QUIET_SHARE
    print(f"  capacity {capacity:,.0f}/s, offered {capacity * MULTIPLE:,.0f}/s", flush=True)
    quiet = h2load.at_rate(url, calm, QUIET_SECONDS, asked.POSTED)
    quiet_p99 = quiet.percentile_ms(quiet.good, 99)
    with h2load.attack(
        url, capacity * MULTIPLE, OVERLOAD_SECONDS, OVERLOAD_CONNECTIONS, asked.POSTED
    ) as answers:
        watched = _Watched(server.worker)
        time.sleep(OVERLOAD_SECONDS)
        ended = time.time()
        watched.stop()
        with h2load.attack(url, calm, AFTER_SECONDS, body=asked.POSTED) as later:
            over = answers()
            after = later()
    return {
        "capacity": capacity,
        "offered": over.rate,
        "multiple": over.rate / capacity,
        "connections": OVERLOAD_CONNECTIONS,
        "quiet_p99_ms": quiet_p99,
        **shares(over),
        "recovery_seconds": recovery(after, ended, quiet_p99),
        "rss": watched.rss,
        "growth": _growth(watched.rss),
    }


def _default(url: str) -> dict[str, Any]:
    capacity = wrk.closed(url, CAPACITY_SECONDS).rate
    over = h2load.flood(url, FLOOD_SECONDS, FLOOD_CONNECTIONS)
    return {
        "capacity": capacity,
        "offered": over.rate,
        "multiple": over.rate / capacity,
        "connections": FLOOD_CONNECTIONS,
        **shares(over),
    }


def _growth(rss: list[float]) -> float:
    """Mean memory of the last quarter over that of the second, less one.

    In the first quarter the buffers of the connections come.
    """
    quarter = len(rss) // 4
    return float(np.mean(rss[-quarter:]) / np.mean(rss[quarter : 2 * quarter])) - 1


class _Watched:
    """Reads the memory of a process each second, MB."""

    def __init__(self, pid: int) -> None:
        self.rss: list[float] = []
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._end.wait(1.0):
            self.rss.append(processes.memory(self._pid)["rss"])
