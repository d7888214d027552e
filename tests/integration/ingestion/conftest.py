"""A scripted exchange on loopback that speaks the Coinbase format, and a store to fill from it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest

from ingestion.run import IngestionResult, ingest_market
from tidecast.clock import Clock
from tidecast.exchange import Source, build_source
from tidecast.settings import IngestionSettings, MarketSettings, SourceSettings
from tidecast.store import Store

NOW = datetime(2025, 3, 10, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
COLUMNS = ["low", "high", "open", "close", "volume"]


@dataclass
class ScriptedExchange:
    """Serves a candle table that a test may change at any time.

    Attributes:
        candles: everything it has, the unfinished candle too.
        now: its time, in the Date header and for what it shows.
        fault: status and headers of every answer, None when it is well.
        extra_rows: rows it adds to each page.
        unknown: pairs that it does not have.
        silent_seconds: how long it lets everybody wait.
        asked: (start, end) of each request.
        on_request: called before each answer.
    """

    candles: pd.DataFrame
    now: datetime
    fault: tuple[int, dict[str, str]] | None = None
    extra_rows: list[object] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    silent_seconds: float = 0.0
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    on_request: Callable[[], None] = lambda: None
    url: str = ""

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        if self.unknown & set(path.split("/")):
            return 404, {}, b'{"message": "NotFound"}'
        start, end = (datetime.fromisoformat(query[name][0]) for name in ("start", "end"))
        self.asked.append((start, end))
        self.on_request()
        time.sleep(self.silent_seconds)
        if self.fault is not None:
            return *self.fault, b"{}"
        shown = self.candles[
            (self.candles.index >= start)
            & (self.candles.index <= end)
            & (self.candles.index <= self.now)
        ]
        rows = [
            [int(opened.timestamp()), *values]
            for opened, values in zip(shown.index, shown[COLUMNS].to_numpy().tolist(), strict=True)
        ]
        return 200, {}, json.dumps([*self.extra_rows, *rows[::-1]]).encode()


@pytest.fixture
def make_exchange() -> Iterator[Callable[..., ScriptedExchange]]:
    servers = []

    def make(candles: pd.DataFrame, now: datetime = NOW) -> ScriptedExchange:
        exchange = ScriptedExchange(candles, now)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                status, headers, body = exchange.answer(asked.path, parse_qs(asked.query))
                self.send_response_only(status)
                headers = {"Date": format_datetime(exchange.now, usegmt=True)} | headers
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        exchange.url = f"http://127.0.0.1:{server.server_port}"
        return exchange

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def make_candles(count: int, newest: datetime, seed: int = 1, freq: str = "1h") -> pd.DataFrame:
    """Plausible candles, the last opening at ``newest``."""
    random = np.random.default_rng(seed)
    closes = 50_000 * np.exp(np.cumsum(random.normal(0, 0.005, count)))
    index = pd.date_range(end=newest, periods=count, freq=freq, name="open_time").as_unit("us")
    return pd.DataFrame(
        {
            "open": closes * 0.999,
            "high": closes * 1.01,
            "low": closes * 0.99,
            "close": closes,
            "volume": random.random(count) * 10,
        },
        index=pd.DatetimeIndex(index, freq=None),
    )


@pytest.fixture
def candles() -> pd.DataFrame:
    """20 days, of which the last candle is open at NOW."""
    return make_candles(480, datetime(2025, 3, 10, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def migrated_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "tidecast.db"
    with Store(f"sqlite:///{path}") as store:
        store.migrate()
    return path


@pytest.fixture
def store(migrated_store_file: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "tidecast.db"
    path.write_bytes(migrated_store_file.read_bytes())
    with Store(f"sqlite:///{path}") as opened:
        yield opened


@pytest.fixture
def market_settings() -> MarketSettings:
    """Two sources of the same wire format: coinbase first, then replay."""
    return MarketSettings(
        symbol="BTC-USD",
        sources=(
            SourceSettings(exchange="coinbase", pair="BTC-USD"),
            SourceSettings(exchange="replay", pair="BTC-USD"),
        ),
    )


def source(name: str, exchange: ScriptedExchange) -> Source:
    return build_source(
        name,
        timeout_seconds=2,
        max_attempts=1,
        backoff_seconds=0.01,
        max_retry_after_seconds=1,
        base_url=exchange.url,
        sleep=lambda seconds: None,
    )


@dataclass
class StoppedClock:
    """Shows one instant until a test sets another."""

    at: datetime
    simulated = False

    def now(self) -> datetime:
        return self.at

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@dataclass
class Bench:
    """A store, two exchanges with the same candles, and a button that runs ingestion."""

    store: Store
    settings: MarketSettings
    first: ScriptedExchange
    second: ScriptedExchange
    sources: dict[str, Source]
    steps: list[str] = field(default_factory=list)

    def ingest(self, now: datetime = NOW, history_days: int = 10) -> IngestionResult:
        self.first.now = self.second.now = now
        return self.ingest_at(now, history_days)

    def ingest_at(self, now: datetime, history_days: int = 10) -> IngestionResult:
        """Like ``ingest``, but the exchanges keep their own time."""
        return self.ingest_by(StoppedClock(now), history_days)

    def ingest_by(self, clock: Clock, history_days: int = 10) -> IngestionResult:
        """Like ``ingest_at``, by a clock that may move."""
        settings = IngestionSettings(history_days=history_days, min_history_candles=1)
        return ingest_market(
            self.store, self.sources, self.settings, settings, clock, self.steps.append
        )

    @property
    def stored(self) -> pd.DataFrame:
        return self.store.candles.read(self.settings.market)


@pytest.fixture
def bench(
    store: Store,
    market_settings: MarketSettings,
    make_exchange: Callable[..., ScriptedExchange],
    candles: pd.DataFrame,
) -> Bench:
    first, second = make_exchange(candles.copy()), make_exchange(candles.copy())
    sources = {"coinbase": source("coinbase", first), "replay": source("replay", second)}
    return Bench(store, market_settings, first, second, sources)
