"""Kraken OHLC: a live source without deep history.

Quirks: only the newest 720 candles exist, whatever is asked; the result is under another name
than the pair asked; a row is ``[time, open, high, low, close, VWAP, volume, count]``; the last
row is the open candle and ``last`` names the newest committed one; errors come with HTTP 200.
"""

from datetime import datetime
from functools import partial

from tidecast.errors import (
    SourceAnswerInvalid,
    SourceThrottled,
    SourceUnavailable,
    TidecastError,
    UnknownPair,
)
from tidecast.exchange.answer import Answer
from tidecast.exchange.paging import RawPage, Window, gather, windows
from tidecast.exchange.rows import RowFormat, Unreadable, decimal_text, unix_seconds
from tidecast.exchange.session import HttpSession
from tidecast.exchange.source import Page

BASE_URL = "https://api.kraken.com"

THROTTLED_SECONDS = 5.0
"""Kraken throttles without a Retry-After; shorter pauses were seen to be refused again."""

THROTTLES = (
    "EGeneral:Too many requests",
    "EGeneral:Temporary lockout",
    "EAPI:Rate limit exceeded",
    "EService:Throttled",
)
OUTAGES = (
    "EService:Unavailable",
    "EService:Busy",
    "EService:Timeout",
    "EService:Market in ",  # cancel_only, post_only or limit_only mode
    "EGeneral:Internal error",
    "EGeneral:Unknown error",
)
UNKNOWN = ("EQuery:Unknown asset pair", "EQuery:Invalid asset pair", "EGeneral:Invalid arguments")

ALL_CANDLES = 10**6
"""One window for everything: a second request could not reach further back."""

ROW = RowFormat(0, 1, 2, 3, 4, volume=6, read_number=decimal_text)


class Kraken:
    """Pairs are named as in ``XBTUSD``: Kraken calls bitcoin XBT."""

    def __init__(self, http: HttpSession) -> None:
        self.name = http.name
        self._http = http

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """See ``Source.fetch``; candles older than the newest 720 are missing."""
        asked = windows(start, end, interval, ALL_CANDLES)
        return gather(self.name, asked, partial(self._ask, pair), ROW)

    def _ask(self, pair: str, window: Window) -> RawPage:
        answer = self._http.ask(
            "/0/public/OHLC",
            {
                "pair": pair,
                "interval": int(window.length.total_seconds()) // 60,
                "since": int(window.first.timestamp()) - 1,  # rows AFTER it are answered
            },
            partial(_fault, pair),
        )
        return RawPage(_committed(answer), answer.server_time)


def _fault(pair: str, answer: Answer) -> TidecastError | None:
    said = answer.json_object().get("error")
    errors = [str(e) for e in said] if isinstance(said, list) else []
    errors = [error for error in errors if not error.startswith("W")]  # W marks a warning
    if not errors:
        return None
    text = f"kraken answered {', '.join(errors)}"
    if errors[0].startswith(THROTTLES):
        return SourceThrottled(text, retry_after_seconds=THROTTLED_SECONDS)
    if errors[0].startswith(OUTAGES):
        return SourceUnavailable(text)
    if errors[0].startswith(UNKNOWN):
        return UnknownPair(f"{text} for the pair {pair!r}")
    return SourceAnswerInvalid(text)


def _committed(answer: Answer) -> list[object]:
    result = answer.at("result")
    keys = [key for key in result if key != "last"] if isinstance(result, dict) else []
    if len(keys) != 1:
        raise SourceAnswerInvalid(f"kraken answered no single result: {answer.excerpt}")
    rows = answer.list_at("result", keys[0])
    try:
        newest = unix_seconds(answer.at("result", "last"))
    except Unreadable:
        return rows  # the server time alone decides
    return [row for row in rows if not _begins_after(row, newest)]


def _begins_after(row: object, moment: datetime) -> bool:
    try:
        return ROW.time_of(row) > moment
    except Unreadable:
        return False
