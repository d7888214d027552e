"""CoinCap v3; needs a key.

Its documented history holds single prices, one per interval. Candles made of them would be flat
and their range false, so only ``/candles``, which carries over from version 2 and is not
documented for version 3, is asked; where it is gone the source is refused.
"""

from datetime import datetime, timedelta
from functools import partial

from tidecast.errors import SourceRefused, TidecastError, UnknownPair
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat, decimal_text, unix_milliseconds
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page
from tidecast.timeframes import EPOCH

BASE_URL = "https://rest.coincap.io/v3"
CANDLES_PER_REQUEST = 500
"""The true limit is not documented."""

INTERVALS = {"5m": "m5", "1h": "h1", "1d": "d1"}
ROW = RowFormat(
    "period",
    "open",
    "high",
    "low",
    "close",
    "volume",
    read_time=unix_milliseconds,
    read_number=decimal_text,
)


class CoinCap:
    """Pairs name exchange, base and quote as in ``binance/bitcoin/tether``."""

    def __init__(self, http: HttpSession) -> None:
        self.name = http.name
        self._http = http

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """See ``Source.fetch``."""
        if not self._http.endpoint.has_key:
            raise self._http.refusal("it answers only with a key")
        asked = windows(start, end, interval, CANDLES_PER_REQUEST)
        return gather(self.name, asked, partial(self._ask, pair, interval), ROW)

    def _ask(self, pair: str, interval: str, window: Window) -> RawPage:
        parts = pair.split("/")
        if len(parts) != 3:
            raise UnknownPair(
                f"coincap pairs are EXCHANGE/BASE/QUOTE, as binance/bitcoin/tether: {pair!r}"
            )
        millisecond = timedelta(milliseconds=1)
        answer = self._http.ask(
            "/candles",
            {
                "exchange": parts[0],
                "baseId": parts[1],
                "quoteId": parts[2],
                "interval": INTERVALS[interval],
                "start": (window.first - EPOCH) // millisecond,
                "end": (window.end - EPOCH) // millisecond - 1,
            },
            partial(_fault, pair),
        )
        return RawPage(answer.list_at("data"), answer.server_time)


def _fault(pair: str, answer: Answer) -> TidecastError | None:
    if answer.status in (404, 410):
        return SourceRefused(
            f"coincap has no candles (any more) for {pair!r}, only single prices, of which no "
            f"honest candle can be made; choose another source: {answer.excerpt}"
        )
    told = answer.json_object().get("data")
    if answer.status == 200 and isinstance(told, dict) and "message" in told:
        return SourceRefused(f"coincap answers no candles: {answer.excerpt}")
    return None
