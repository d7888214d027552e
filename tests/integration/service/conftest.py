"""A whole installation in a temporary folder, and the real service as a process."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

from tidecast.models import artefact
from tidecast.models.baselines import RandomWalk
from tidecast.models.calibration import Calibration
from tidecast.registry import Registry
from tidecast.store import Promotion, Store
from tidecast.timeframes import Market, format_rfc3339

ROOT = Path(__file__).parents[3]
MARKET = Market("BTC-USD", "1h")
STALE = Market("ETH-USD", "1h")
EMPTY = Market("SOL-USD", "1h")
START = datetime(2025, 1, 1, tzinfo=UTC)
CANDLES = 600
CUTOFF = START + CANDLES * timedelta(hours=1)
NOW = CUTOFF + timedelta(minutes=70)
HORIZON = 24
READY_WITHIN_SECONDS = 150.0


def candle_frame(count: int, start: datetime = START, seed: int = 3) -> pd.DataFrame:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.005, count)))
    index = pd.date_range(start, periods=count, freq="h", name="open_time").as_unit("us")
    prices = {name: closes for name in ("open", "high", "low", "close")}
    return pd.DataFrame({**prices, "volume": 1.0}, index=index)


def walk(candles: pd.DataFrame, scale: float = 1.0) -> RandomWalk:
    """A random walk whose band is ``scale`` times as wide."""
    fitted = RandomWalk.fit(candles, "1h", HORIZON)
    return RandomWalk("1h", HORIZON, fitted.table * scale)


def register_model(registry: Registry, model: RandomWalk, market: Market, /, **facts: Any) -> str:
    """Register a model as a new version."""
    facts = {"market": str(market), "trained_at": "2025-01-20T00:00:00Z", **facts}
    with tempfile.TemporaryDirectory() as folder:
        artefact.save(Path(folder), model, Calibration.initial(HORIZON), facts)
        return registry.register(market, Path(folder), parameters={}, metrics={})


class Server:
    """A running ``bentoml serve``; ``rpc`` is where it answers gRPC."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, rpc: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.rpc = rpc
        self.log = log
        self.session = requests.Session()

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return self.session.get(f"{self.url}{path}", params=parameters, timeout=10)

    def post(self, body: Any) -> requests.Response:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        return self.session.post(f"{self.url}/forecast", data=data, headers=headers, timeout=10)

    def wait(self, done: Callable[[], Any], seconds: float = READY_WITHIN_SECONDS) -> Any:
        """The first true result of ``done``; refused connections count as false."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if result := done():
                    return result
            except (requests.ConnectionError, requests.Timeout):
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"waited {seconds} s in vain; log:\n{self.log.read_text()[-4000:]}")

    def wait_ready(self) -> None:
        self.wait(lambda: self.get("/v1/forecasts/BTC-USD").status_code == 200)
        assert self.get("/readyz").status_code == 200

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


class Installation:
    """Store, registry and settings below one folder, at the simulated instant ``NOW``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = Store(f"sqlite:///{home / 'tidecast.db'}")
        self.registry = Registry(f"sqlite:///{home / 'mlflow.db'}", home / "models")
        self._servers: list[Server] = []

    def register(self, model: RandomWalk, market: Market = MARKET) -> str:
        return register_model(self.registry, model, market)

    def promote(self, version: str, market: Market = MARKET) -> Promotion:
        previous = self.registry.point(market, version)
        return self.store.promotions.add(
            market, version, previous=previous, at=NOW, by="test", reason="wanted"
        )

    def add_candles(self, frame: pd.DataFrame, market: Market = MARKET) -> None:
        self.store.candles.upsert(market, frame, "coinbase:BTC-USD", lambda: NOW)

    def environment(self, **more: str) -> dict[str, str]:
        markets = [
            {"symbol": m.symbol, "sources": [{"exchange": "coinbase", "pair": m.symbol}]}
            for m in (MARKET, STALE, EMPTY)
        ]
        kept = {key: value for key, value in os.environ.items() if "TIDECAST" not in key}
        return {
            **kept,
            "TIDECAST_HOME_DIR": str(self.home),
            "TIDECAST_MARKETS": json.dumps(markets),
            "TIDECAST_CLOCK__SIMULATED_AT": format_rfc3339(NOW),
            "TIDECAST_CLOCK__REAL_AT": format_rfc3339(datetime.now(UTC)),
            "TIDECAST_SERVICE__REGISTRY_POLL_SECONDS": "0.2",
            "BENTOML_HOME": str(self.home / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
            **more,
        }

    def serve(
        self,
        host: str = "127.0.0.1",
        service: str = "service.app:Tidecast",
        folder: Path = ROOT,
        python: str = sys.executable,
        **more: str,
    ) -> Server:
        command = [python, "-m", "bentoml", "serve", service, "--host", host]
        return self.start(command, folder, "--port", **more)

    def start(
        self, command: list[str], folder: Path, port_option: str | None = None, **more: str
    ) -> Server:
        """Start a service on ports of its own; the settings name the port as well."""
        port, rpc_port = free_port(), free_port()
        log = self.home / f"service-{port}.log"
        ports = {"TIDECAST_SERVICE__PORT": str(port), "TIDECAST_SERVICE__GRPC_PORT": str(rpc_port)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *([port_option, str(port)] if port_option else [])],
                cwd=folder,
                env=self.environment(**{**ports, **more}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        urls = f"http://127.0.0.1:{port}", f"127.0.0.1:{rpc_port}"
        server = Server(process, *urls, log)
        self._servers.append(server)
        return server

    def close(self) -> None:
        for server in self._servers:
            server.session.close()
            if server.process.poll() is None:
                server.stop()
        self.store.close()


def run_service(**more: str) -> subprocess.CompletedProcess[str]:
    """``python -m service`` with settings that it must refuse."""
    kept = {key: value for key, value in os.environ.items() if "TIDECAST" not in key}
    return subprocess.run(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env={**kept, **more},
        capture_output=True,
        text=True,
    )


def free_port() -> int:
    """A port below those that outgoing connections get, so that none of them takes it."""
    while True:
        with socket.socket() as bound, contextlib.suppress(OSError):
            bound.bind(("127.0.0.1", random.randrange(20000, 32000)))
            return int(bound.getsockname()[1])


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, bare_home: Path
) -> Iterator[Installation]:
    """The first of three versions is champion; ETH-USD has candles of long ago, SOL-USD none."""
    home = shutil.copytree(bare_home, tmp_path_factory.mktemp("installation") / "home")
    made = Installation(home)
    candles = candle_frame(CANDLES)
    made.add_candles(candles)
    made.add_candles(candle_frame(200), STALE)
    made.promote("1")
    made.promote(made.register(walk(candles), STALE), STALE)
    yield made
    made.close()


@pytest.fixture(scope="session")
def server(installation: Installation) -> Server:
    """The service, ready."""
    running = installation.serve()
    running.wait_ready()
    return running


@pytest.fixture(scope="session")
def market() -> Market:
    return MARKET


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def frames() -> Callable[..., pd.DataFrame]:
    """Makes a candle frame of so many candles; longer ones begin like shorter ones."""
    return candle_frame


@pytest.fixture(scope="session")
def register() -> Callable[[Registry, RandomWalk, Market], str]:
    return register_model


@pytest.fixture(scope="session")
def bare_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without candles and three sound versions, none of them promoted."""
    made = Installation(tmp_path_factory.mktemp("bare"))
    made.store.migrate()
    candles = candle_frame(CANDLES)
    for scale in (1.0, 2.0, 3.0):
        made.register(walk(candles, scale))
    made.close()
    return made.home
