"""How soon every watcher has a new forecast, and what watchers cost.

Alone it prints its figures as JSON: ``python -m benchmarks.serving.watchers --watchers 500``.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from benchmarks import machine
from benchmarks.serving import processes, servers
from benchmarks.serving.home import MARKET, Home, make_home
from service.proto import forecast_pb2 as pb
from service.proto import forecast_pb2_grpc

WATCHERS = 500
CONNECTIONS = 10
EVENTS = 10
OPEN_SECONDS = 60.0
ARRIVE_SECONDS = 30.0


def measure(home: Home, folder: Path, watchers: int = WATCHERS) -> dict[str, Any]:
    """Seconds from a publication to its receipt by each watcher, threads, memory and time."""
    own = home.copy(folder / "watchers")
    try:
        with servers.tidecast(own) as server:
            return asyncio.run(_watch(server, own, watchers))
    finally:
        own.close()


async def _watch(server: servers.Server, home: Home, watchers: int) -> dict[str, Any]:
    alone = _cost(server.worker)
    crowd = Crowd(server.grpc)
    await crowd.open(watchers)
    begun = _cost(server.worker)
    delays: list[np.ndarray[Any, np.dtype[np.float64]]] = []
    for _ in range(EVENTS):
        cutoff = home.arrive()
        received = await crowd.all_have(datetime.fromisoformat(cutoff).timestamp())
        delays.append(np.array(received) - _published(server.log, cutoff))
    ended = _cost(server.worker)
    await crowd.close()
    return _figures(np.array(delays), {"alone": alone, "begun": begun, "ended": ended})


class Crowd:
    """Many watchers on a few connections, in this process."""

    def __init__(self, address: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(address, options) for _ in range(CONNECTIONS)]
        self._watching: list[asyncio.Task[None]] = []
        self._newest: dict[int, tuple[float, float]] = {}

    async def open(self, watchers: int) -> None:
        """Open the streams, and wait for the first forecast of each."""
        for number in range(watchers):
            channel = self._channels[number % CONNECTIONS]
            self._watching.append(asyncio.create_task(self._read(number, channel)))
        await self._until(lambda: len(self._newest) == watchers, OPEN_SECONDS)

    async def all_have(self, cutoff: float) -> list[float]:
        """When each watcher got the forecast of a cutoff, seconds of the epoch."""
        seen = self._newest
        await self._until(lambda: all(one[0] == cutoff for one in seen.values()), ARRIVE_SECONDS)
        return [received for _, received in seen.values()]

    async def close(self) -> None:
        """End all streams."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        for channel in self._channels:
            await channel.close()

    async def _read(self, number: int, channel: grpc.aio.Channel) -> None:
        stub = forecast_pb2_grpc.ForecastServiceStub(channel)
        async for answer in stub.WatchForecasts(pb.WatchForecastsRequest(symbols=[MARKET.symbol])):
            self._newest[number] = (float(answer.cutoff.seconds), time.time())

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            for task in self._watching:
                if task.done():
                    task.result()
            if time.monotonic() > deadline:
                raise RuntimeError(f"not every watcher got its forecast within {seconds} s")
            await asyncio.sleep(0.01)


def _published(log: Path, cutoff: str) -> float:
    """When the service logged that it serves a cutoff, right before it does."""
    for line in log.read_text().splitlines():
        if '"snapshot_served"' in line and cutoff in line:
            return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
    raise RuntimeError(f"{log} does not tell of {cutoff}")


def _cost(pid: int) -> dict[str, float]:
    found = re.search(r"^Threads:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return {
        "threads": int(found[1]),
        "memory_mb": processes.memory(pid)["pss"],
        "cpu_seconds": processes.cpu_seconds(pid),
    }


def _figures(delays: Any, costs: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Delays have shape (events, watchers)."""
    events, watchers = delays.shape
    alone, begun, ended = (costs[name] for name in ("alone", "begun", "ended"))
    return {
        "watchers": watchers,
        "events": events,
        "median_ms": float(np.median(delays)) * 1e3,
        "p99_ms": float(np.percentile(delays, 99)) * 1e3,
        "last_ms": [float(each) * 1e3 for each in delays.max(axis=1)],
        "threads_alone": alone["threads"],
        "threads": ended["threads"],
        "kb_per_watcher": (begun["memory_mb"] - alone["memory_mb"]) * 1e3 / watchers,
        "cpu_ms_per_event": (ended["cpu_seconds"] - begun["cpu_seconds"]) * 1e3 / events,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=WATCHERS)
    watchers = parser.parse_args().watchers
    with tempfile.TemporaryDirectory(prefix="tidecast-watchers-") as folder:
        home = make_home(Path(folder) / "home")
        figures = {"machine": machine.describe(), **measure(home, Path(folder), watchers)}
    json.dump(figures, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
