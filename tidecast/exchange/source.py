"""What a source of candles is, and what it answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pandas as pd

from tidecast.candles import Quarantined


@dataclass(frozen=True)
class Page:
    """Everything a source had for one question, unchecked.

    Attributes:
        candles: raw frame with open times in ``[start, end)``; it may hold the unfinished candle
            and bad rows, which ``tidecast.candles.validate`` sorts out.
        server_time: the source's own time when it answered last, UTC.
        problems: rows that could not even be read as a time and numbers.
    """

    candles: pd.DataFrame
    server_time: datetime
    problems: tuple[Quarantined, ...] = ()


class Source(Protocol):
    """A place to get candles from."""

    @property
    def name(self) -> str:
        """Name of the exchange as settings write it."""
        ...

    def fetch(self, pair: str, interval: str, start: datetime, end: datetime) -> Page:
        """Ask for the candles with open times in ``[start, end)``, however many pages it takes.

        Args:
            pair: the exchange's own name of the pair.
            interval: ``5m``, ``1h`` or ``1d``.
            start: first open time wanted, UTC.
            end: open times from here on are not wanted, UTC.

        Raises:
            SourceUnavailable: no answer, or a server error, after bounded retries.
            SourceThrottled: we are asked to slow down for longer than we may wait.
            SourceRefused: no key, no permission, a plan limit or a geographic block.
            UnknownPair: the exchange has no such pair or interval.
            SourceAnswerInvalid: the answer has not the documented shape.
            InvalidParameter: no open time of the interval lies in the asked range.
        """
        ...
