"""The whole loop on this machine, seen from outside: times until a user has what they came for."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from benchmarks import machine
from cli.up.replay_settings import FOLDER
from tidecast.settings import sqlite_url
from tidecast.store import Store
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
CANDLES_WATCHED = 12
PAUSE_SECONDS = 0.01
LIMIT_SECONDS = 300.0


def measure() -> dict[str, Any]:
    """Start the replay in an empty folder, watch some candles pass, restart it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        port = _free_port()
        started = time.perf_counter()
        with _up(home, port):
            _until(lambda: _cutoff(port))
            first = time.perf_counter() - started
            delays = _delays(home, port)
        started = time.perf_counter()
        with _up(home, port):
            _until(lambda: _ready(port))
            ready = time.perf_counter() - started
    return {
        "first_forecast_seconds": first,
        "candle_to_forecast_seconds": delays,
        "restart_to_ready_seconds": ready,
    }


def tables(measured: dict[str, Any]) -> list[str]:
    """Markdown of the loop's times."""
    delays = measured["candle_to_forecast_seconds"]
    delay = f"{statistics.median(delays):.2f} s, worst of {len(delays)} {max(delays):.2f} s"
    first, ready = measured["first_forecast_seconds"], measured["restart_to_ready_seconds"]
    return [
        "## The loop on one machine, replayed sample",
        "",
        machine.line(measured["machine"]),
        "",
        "| what | measured | must | aim |",
        "|---|---|---|---|",
        f"| `tidecast up` in an empty folder to the first forecast | {first:.1f} s | 60 s | |",
        f"| new candle in the store to the new forecast served | {delay} | 3 s | 1 s |",
        f"| `tidecast up` with a champion to ready | {ready:.1f} s | 10 s | 5 s |",
        "",
    ]


@contextmanager
def _up(home: Path, port: int) -> Iterator[None]:
    command = Path(sys.executable).with_name("tidecast")
    child = subprocess.Popen(
        [str(command), "up", "--replay", "--port", str(port)],
        env={**os.environ, "TIDECAST_HOME_DIR": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def _delays(home: Path, port: int) -> list[float]:
    """Real seconds from a candle being in the store to the forecast made of it being served."""
    delays = []
    with Store(sqlite_url((home / FOLDER).absolute() / "tidecast.db")) as store:
        for _ in range(CANDLES_WATCHED):
            before = store.candles.version(MARKET)
            cutoff = _cutoff(port)
            _until(lambda before=before: store.candles.version(MARKET) > before)
            stored = time.perf_counter()
            _until(lambda cutoff=cutoff: _cutoff(port) != cutoff)
            delays.append(time.perf_counter() - stored)
    return delays


def _until(happened: Callable[[], Any]) -> None:
    deadline = time.perf_counter() + LIMIT_SECONDS
    while not happened():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"nothing happened for {LIMIT_SECONDS} s")
        time.sleep(PAUSE_SECONDS)


def _cutoff(port: int) -> str | None:
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/v1/forecasts/{MARKET.symbol}", timeout=5)
    except requests.RequestException:
        return None
    return str(answer.json()["cutoff"]) if answer.ok else None


def _ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
