"""Coinbase Exchange candles; the replay exchange speaks the same language.

Quirks: rows are ``[time, LOW, HIGH, OPEN, CLOSE, volume]``, JSON numbers, newest first; an
interval without a trade has no row; rows before ``start`` may come; more than 300 candles in a
window are HTTP 400.
"""

from datetime import datetime
from functools import partial
from urllib.parse import quote

from tidecast.errors import TidecastError, UnknownPair
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page
from tidecast.timeframes import format_rfc3339

BASE_URL = "https://api.exchange.coinbase.com"
CANDLES_PER_REQUEST = 300
NO_INTERVAL = "Unsupported granularity"
ROW = RowFormat(open_time=0, open=3, high=2, low=1, close=4, volume=5)


class Coinbase:
    """Pairs are named as in ``BTC-USD``."""

    def __init__(self, http: HttpSession) -> None:
        self.name = http.name
        self._http = http

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """See ``Source.fetch``."""
        asked = windows(start, end, interval, CANDLES_PER_REQUEST)
        return gather(self.name, asked, partial(self._ask, pair), ROW)

    def _ask(self, pair: str, window: Window) -> RawPage:
        answer = self._http.ask(
            f"/products/{quote(pair, safe='')}/candles",
            {
                "granularity": int(window.length.total_seconds()),
                "start": format_rfc3339(window.first),
                "end": format_rfc3339(window.last),
            },
            partial(self._fault, pair),
        )
        return RawPage(answer.list_at(), answer.server_time)

    def _fault(self, pair: str, answer: Answer) -> TidecastError | None:
        message = str(answer.json_object().get("message", ""))
        if answer.status == 404 or (answer.status == 400 and message.startswith(NO_INTERVAL)):
            return UnknownPair(f"{self.name} has no such candles of {pair!r}: {answer.excerpt}")
        return None
