"""Binance spot klines, from the host that serves public market data everywhere.

Quirks: times are milliseconds; prices and volume are text; at most 1000 rows; an empty range is
``[]``; outages of the exchange leave rows out. There is no US dollar: BTCUSDT is quoted in USDT.
"""

from datetime import datetime, timedelta
from functools import partial

from tidecast.errors import TidecastError, UnknownPair
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat, decimal_text, unix_milliseconds
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page
from tidecast.timeframes import EPOCH

BASE_URL = "https://data-api.binance.vision"
"""``api.binance.com`` answers 451 to whole regions of data centres; this host does not."""

CANDLES_PER_REQUEST = 1000
UNKNOWN = {-1120: "interval", -1121: "symbol"}
"""Error codes of HTTP 400 and what they do not know."""

ROW = RowFormat(0, 1, 2, 3, 4, 5, read_time=unix_milliseconds, read_number=decimal_text)


class Binance:
    """Pairs are named as in ``BTCUSDT``; intervals are named as ours."""

    def __init__(self, http: HttpSession) -> None:
        self.name = http.name
        self._http = http

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """See ``Source.fetch``."""
        asked = windows(start, end, interval, CANDLES_PER_REQUEST)
        return gather(self.name, asked, partial(self._ask, pair, interval), ROW)

    def _ask(self, pair: str, interval: str, window: Window) -> RawPage:
        millisecond = timedelta(milliseconds=1)
        answer = self._http.ask(
            "/api/v3/klines",
            {
                "symbol": pair,
                "interval": interval,
                "startTime": (window.first - EPOCH) // millisecond,
                # One millisecond early: right whether the end is included or not.
                "endTime": (window.end - EPOCH) // millisecond - 1,
                "limit": CANDLES_PER_REQUEST,
            },
            partial(_fault, pair),
        )
        return RawPage(answer.list_at(), answer.server_time)


def _fault(pair: str, answer: Answer) -> TidecastError | None:
    code = answer.json_object().get("code")
    if answer.status == 400 and isinstance(code, int) and code in UNKNOWN:
        return UnknownPair(f"binance does not know the {UNKNOWN[code]} of {pair!r}")
    return None
