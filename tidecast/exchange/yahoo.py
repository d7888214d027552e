"""Yahoo Finance chart: a composite price, unofficial, for personal use and research.

Quirks: columns instead of rows, with nulls where there was no quote; the last row carries the
time of the last quote, off the grid; volume is in quote currency and often 0 within a day; 5m
reach back 60 days and 1h 730 days, and asking further is HTTP 422.
"""

from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from tidecast.errors import SourceAnswerInvalid, TidecastError, UnknownPair
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat, Unreadable, in_base_coin
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page
from tidecast.timeframes import floor_to_grid

BASE_URL = "https://query2.finance.yahoo.com"
ALL_CANDLES = 10**6
"""Yahoo has no limit of rows, only of history."""

HISTORY = {"5m": timedelta(days=59), "1h": timedelta(days=729)}
"""How far back each interval reaches, a day less than the limit."""

PRICES = ("open", "high", "low", "close")
ROW = RowFormat("time", *PRICES, "volume")


class Yahoo:
    """Pairs are named as in ``BTC-USD``."""

    def __init__(self, http: HttpSession) -> None:
        self.name = http.name
        self._http = http

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """See ``Source.fetch``; what lies before the reach of the interval is left out."""
        reach = HISTORY.get(interval)
        if reach is not None:
            start = max(start, end - reach)
        asked = windows(start, end, interval, ALL_CANDLES)
        return gather(self.name, asked, partial(self._ask, pair, interval), ROW)

    def _ask(self, pair: str, interval: str, window: Window) -> RawPage:
        answer = self._http.ask(
            f"/v8/finance/chart/{quote(pair, safe='')}",
            {
                "period1": int(window.first.timestamp()),
                "period2": int(window.end.timestamp()),
                "interval": interval,
                "includePrePost": "false",
            },
            partial(self._fault, pair),
        )
        return RawPage(_rows(answer, interval), answer.server_time)

    def _fault(self, pair: str, answer: Answer) -> TidecastError | None:
        if answer.status == 404:
            return UnknownPair(f"yahoo does not know the pair {pair!r}: {answer.excerpt}")
        if answer.status == 422:
            return self._http.refusal(f"it has no such history: {answer.excerpt}")
        return None


def _rows(answer: Answer, interval: str) -> list[object]:
    result = ("chart", "result", 0)
    if answer.at(*result) is not None and answer.at(*result, "timestamp") is None:
        return []  # a known pair without a quote in the window
    times = answer.list_at(*result, "timestamp")
    quotes = (*result, "indicators", "quote", 0)
    columns = [answer.list_at(*quotes, name) for name in (*PRICES, "volume")]
    if any(len(column) != len(times) for column in columns):
        raise SourceAnswerInvalid(f"yahoo answered columns of unequal length: {answer.excerpt}")
    names = ("time", *PRICES, "volume")
    rows = [dict(zip(names, values, strict=True)) for values in zip(times, *columns, strict=True)]
    if rows and _is_live_quote(rows[-1], interval):
        rows.pop()
    return [in_base_coin(row, "volume", "close") for row in rows if not _is_empty(row)]


def _is_live_quote(row: object, interval: str) -> bool:
    try:
        moment = ROW.time_of(row)
    except Unreadable:
        return False
    return moment != floor_to_grid(moment, interval)


def _is_empty(row: dict[str, object]) -> bool:
    return all(row[name] is None for name in PRICES)
