"""A real HTTP server that plays recorded candles as Coinbase would serve them at the clock's time.

It lets the whole loop run without a network, through the same adapter as live candles. It shows
only candles that have begun at the clock's time, the newest of them unfinished.
"""

import contextlib
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from tidecast.timeframes import format_rfc3339, interval_length

MAX_CANDLES = 300
"""Coinbase refuses a window of more candles than this."""


class Clock(Protocol):
    """Anything that knows the time; ``tidecast.clock`` has the real and the simulated one."""

    def now(self) -> datetime:
        """Current instant, UTC."""
        ...


class ReplayExchange:
    """Serves one pair and interval on loopback.

    Args:
        candles: a candle frame.
        clock: what time it is on this exchange.
        host: address to listen on.
        port: port to listen on, 0 for a free one.
        pair: name of the pair.
        interval: interval of the candles.

    Attributes:
        outage: from the first to before the second instant of the clock it answers 503; None for
            never. May be set at any time.

    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self,
        candles: pd.DataFrame,
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 0,
        pair: str = "BTC-USD",
        interval: str = "1h",
    ) -> None:
        self.outage: tuple[datetime, datetime] | None = None
        self.clock = clock
        self.stopped = False
        self._candles = candles
        self._pair = pair
        self._length = interval_length(interval)
        self._server = _Server((host, port), _Handler)
        self._server.exchange = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        """Base URL for the ``replay`` source."""
        host, port = self._server.server_address[:2]
        return f"http://{str(host)}:{port}"

    def start(self) -> None:
        """Serve from a daemon thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, on connections that are open too, and free the port."""
        self.stopped = True
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def answer(
        self, path: str, query: Mapping[str, list[str]], now: datetime
    ) -> tuple[int, object]:
        """Status and JSON body for a request at simulated time ``now``."""
        if self.outage is not None and self.outage[0] <= now < self.outage[1]:
            return 503, {"message": "Service Unavailable"}
        if path == "/time":
            return 200, {"iso": format_rfc3339(now), "epoch": now.timestamp()}
        if path != f"/products/{self._pair}/candles":
            return 404, {"message": "NotFound"}
        return self._candles_between(query, now)

    def _candles_between(self, query: Mapping[str, list[str]], now: datetime) -> tuple[int, object]:
        if query.get("granularity", [""])[0] != str(int(self._length.total_seconds())):
            return 400, {"message": "Unsupported granularity"}
        try:
            start, end = (_moment(query[name][0]) for name in ("start", "end"))
        except KeyError:
            start, end = now - (MAX_CANDLES - 1) * self._length, now
        except ValueError:
            return 400, {"message": "start and end must be ISO 8601 or unix seconds"}
        if end - start > MAX_CANDLES * self._length:
            return 400, {
                "message": "granularity too small for the requested time range. "
                f"Count of aggregations requested exceeds {MAX_CANDLES}"
            }
        return 200, self._rows(start, min(end, now), now)

    def _rows(self, start: datetime, end: datetime, now: datetime) -> list[list[float]]:
        shown = self._candles.loc[pd.Timestamp(start) : pd.Timestamp(end)]
        columns = (shown[name].tolist() for name in ("open", "high", "low", "close", "volume"))
        rows = []
        for open_time, *values in zip(
            pd.DatetimeIndex(shown.index).to_pydatetime(), *columns, strict=True
        ):
            passed = (now - open_time) / self._length
            first, high, low, close, volume = values if passed >= 1 else _partial(values, passed)
            rows.append([int(open_time.timestamp()), low, high, first, close, volume])
        return rows[::-1]


def _partial(candle: list[float], passed: float) -> list[float]:
    """A candle of which the share ``passed`` is over: price went straight from open to close."""
    first, _, _, last, volume = candle
    close = first + passed * (last - first)
    return [first, max(first, close), min(first, close), close, passed * volume]


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class _Server(ThreadingHTTPServer):
    exchange: ReplayExchange
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds an idle connection is kept
    wbufsize = -1  # headers and body leave together ...
    disable_nagle_algorithm = True  # ... and no rest of a body waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        exchange = self.server.exchange
        if exchange.stopped:
            self.close_connection = True
            return
        now = exchange.clock.now()
        parts = urlsplit(self.path)
        status, content = exchange.answer(parts.path, parse_qs(parts.query), now)
        body = json.dumps(content).encode()
        self.send_response_only(status)
        self.send_header("Date", format_datetime(now.astimezone(UTC), usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        with contextlib.suppress(ConnectionError):  # the client may have gone meanwhile
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the process that runs the replay has its own log."""
