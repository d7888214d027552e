"""Bitstamp OHLC.

Quirks: everything is text; with both ends of a range the end wins, so a window is asked by its
end and its length; rows before the start may come; an hour without a trade is a flat candle with
volume 0; an unknown pair is an HTML page with 404.
"""

from datetime import datetime
from functools import partial
from urllib.parse import quote

from tidecast.errors import SourceThrottled, TidecastError, UnknownPair
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat, decimal_text, unix_seconds_text
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page

BASE_URL = "https://www.bitstamp.net"
CANDLES_PER_REQUEST = 1000
THROTTLED_CODE = "400.002"
ROW = RowFormat(
    "timestamp",
    "open",
    "high",
    "low",
    "close",
    "volume",
    read_time=unix_seconds_text,
    read_number=decimal_text,
)


class Bitstamp:
    """Pairs are named as in ``btcusd``."""

    def __init__(self, http: HttpSession) -> None:
        self.name = http.name
        self._http = http

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """See ``Source.fetch``."""
        asked = windows(start, end, interval, CANDLES_PER_REQUEST)
        return gather(self.name, asked, partial(self._ask, pair), ROW)

    def _ask(self, pair: str, window: Window) -> RawPage:
        answer = self._http.ask(
            f"/api/v2/ohlc/{quote(pair, safe='')}/",
            {
                "step": int(window.length.total_seconds()),
                "limit": window.candles,
                "start": int(window.first.timestamp()),
                # One second early: right whether the end is included or not.
                "end": int(window.end.timestamp()) - 1,
                "exclude_current_candle": "true",
            },
            partial(_fault, pair),
        )
        return RawPage(answer.list_at("data", "ohlc"), answer.server_time)


def _fault(pair: str, answer: Answer) -> TidecastError | None:
    if answer.status == 404:
        return UnknownPair(f"bitstamp does not know the pair {pair!r}")
    if answer.json_object().get("code") == THROTTLED_CODE:
        return SourceThrottled(
            f"bitstamp asks us to slow down: {answer.excerpt}",
            retry_after_seconds=answer.retry_after_seconds,
        )
    return None
