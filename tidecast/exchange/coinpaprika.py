"""CoinPaprika daily candles; without a key only those of the last 24 hours.

Quirks: 1d only; times are ISO text; volume is in quote currency; asking for more history than
the plan has is HTTP 402, or 400 with the same words; keys belong to another host.
"""

from datetime import datetime
from functools import partial
from urllib.parse import quote as quoted

from tidecast.errors import TidecastError, UnknownPair
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat, in_base_coin, iso_time
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page
from tidecast.timeframes import format_rfc3339

BASE_URL = "https://api.coinpaprika.com"
KEYED_BASE_URL = "https://api-pro.coinpaprika.com"
CANDLES_PER_REQUEST = 366
ROW = RowFormat("time_open", "open", "high", "low", "close", "volume", read_time=iso_time)


class CoinPaprika:
    """Pairs name coin and quote as in ``btc-bitcoin/usd``."""

    def __init__(self, http: HttpSession) -> None:
        self.name = http.name
        self._http = http

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """See ``Source.fetch``."""
        if interval != "1d":
            raise UnknownPair(f"coinpaprika has only 1d candles, not {interval} of {pair!r}")
        asked = windows(start, end, interval, CANDLES_PER_REQUEST)
        return gather(self.name, asked, partial(self._ask, pair), ROW)

    def _ask(self, pair: str, window: Window) -> RawPage:
        coin, slash, quote = pair.partition("/")
        if not (coin and slash and quote):
            raise UnknownPair(f"coinpaprika pairs are COIN/QUOTE, as btc-bitcoin/usd: {pair!r}")
        answer = self._http.ask(
            f"/v1/coins/{quoted(coin, safe='')}/ohlcv/historical",
            {
                "start": format_rfc3339(window.first),
                "end": format_rfc3339(window.last),
                "limit": CANDLES_PER_REQUEST,
                "quote": quote,
                "interval": "24h",
            },
            partial(self._fault, pair),
        )
        rows = [in_base_coin(row, "volume", "close") for row in answer.list_at()]
        return RawPage(rows, answer.server_time)

    def _fault(self, pair: str, answer: Answer) -> TidecastError | None:
        if answer.status == 404:
            return UnknownPair(f"coinpaprika does not know the pair {pair!r}: {answer.excerpt}")
        if answer.status == 400 and "plan" in str(answer.json_object().get("error", "")):
            return self._http.refusal(answer.excerpt)
        return None
