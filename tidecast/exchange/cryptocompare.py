"""CryptoCompare (CoinDesk Data) price history; needs a paid key since 2026-05.

Quirks: errors come with HTTP 200 and ``Response: "Error"``; ``limit`` n answers n + 1 rows up to
``toTs``; hours before the first trade are rows of zeros; 5-minute candles reach back 7 days.
Prices are an index over exchanges, not the prices of one.
"""

from datetime import datetime
from functools import partial

from tidecast.errors import SourceAnswerInvalid, SourceThrottled, TidecastError, UnknownPair
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page

BASE_URL = "https://min-api.cryptocompare.com"
CANDLES_PER_REQUEST = 2000
PATHS = {
    "5m": ("/data/v2/histominute", 5),
    "1h": ("/data/v2/histohour", 1),
    "1d": ("/data/v2/histoday", 1),
}
"""Path and number of its units in one candle, by interval."""

ROW = RowFormat("time", "open", "high", "low", "close", "volumefrom")


class CryptoCompare:
    """Pairs are named as in ``BTC-USD``."""

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
        base, dash, quote = pair.partition("-")
        if not (base and dash and quote):
            raise UnknownPair(f"cryptocompare pairs are BASE-QUOTE, for example BTC-USD: {pair!r}")
        path, aggregate = PATHS[interval]
        answer = self._http.ask(
            path,
            {
                "fsym": base,
                "tsym": quote,
                "aggregate": aggregate,
                "limit": max(window.candles - 1, 1),  # n + 1 rows come; 0 is not allowed
                "toTs": int(window.last.timestamp()),
                "tryConversion": "false",
            },
            partial(self._fault, pair),
        )
        rows = [row for row in answer.list_at("Data", "Data") if not _is_before_history(row)]
        return RawPage(rows, answer.server_time)

    def _fault(self, pair: str, answer: Answer) -> TidecastError | None:
        said = answer.json_object()
        if answer.status != 200 or said.get("Response") != "Error":
            return None
        message = str(said.get("Message", ""))
        text = f"cryptocompare answered an error: {message[:200]}"
        lowered = message.lower()
        if "rate limit" in lowered:
            return SourceThrottled(text, retry_after_seconds=answer.retry_after_seconds)
        if "api key" in lowered or "api_key" in lowered:
            return self._http.refusal(message[:200])
        if "no data" in lowered or "does not exist" in lowered:
            return UnknownPair(f"{text} (pair {pair!r})")
        return SourceAnswerInvalid(text)


def _is_before_history(row: object) -> bool:
    names = ("open", "high", "low", "close", "volumefrom", "volumeto")
    return isinstance(row, dict) and all(row.get(name) == 0 for name in names)
