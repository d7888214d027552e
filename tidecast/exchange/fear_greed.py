"""The Crypto Fear & Greed index of alternative.me, one value a day.

Quirks: values and times are text, newest first; an error comes with HTTP 200 in
``metadata.error``. The value of a day is published soon after 00:00 UTC of it: whoever joins it
to candles must use the value of the day before.
"""

import time
from collections.abc import Callable
from datetime import date, datetime

from tidecast.errors import SourceAnswerInvalid, TidecastError
from tidecast.exchange.answer import Answer
from tidecast.exchange.rows import Unreadable, decimal_text, row_text, unix_seconds_text
from tidecast.exchange.session import Endpoint, HttpSession, Patience

BASE_URL = "https://api.alternative.me"
PER_SECOND = 1.0
"""The quoted limit is 60 requests a minute."""


def fetch_fear_greed(
    *,
    timeout_seconds: float,
    max_attempts: int,
    backoff_seconds: float,
    max_retry_after_seconds: float,
    base_url: str | None = None,
    days: int = 0,
    sleep: Callable[[float], None] = time.sleep,
    notify: Callable[[str], None] = lambda message: None,
) -> list[tuple[date, int]]:
    """The newest ``days`` values, all since 2018-02-01 for 0, oldest first, each day once.

    Args:
        timeout_seconds: as in ``build_source``, like the next three.
        max_attempts: see there.
        backoff_seconds: see there.
        max_retry_after_seconds: see there.
        base_url: another place than the documented one.
        days: how many values.
        sleep: see there.
        notify: see there.

    Raises:
        SourceUnavailable: no answer, or a server error, after bounded retries.
        SourceThrottled: we are asked to slow down for longer than we may wait.
        SourceAnswerInvalid: a value is not a whole number from 0 to 100, or nothing is readable.
    """
    endpoint = Endpoint("alternative.me", base_url or BASE_URL, PER_SECOND, 2, {})
    patience = Patience(timeout_seconds, max_attempts, backoff_seconds, max_retry_after_seconds)
    http = HttpSession(endpoint, patience, sleep=sleep, notify=notify)
    answer = http.ask("/fng/", {"limit": days, "format": "json"}, _fault)
    values = dict(_value(row) for row in answer.list_at("data"))
    return sorted(values.items())


def _fault(answer: Answer) -> TidecastError | None:
    error = answer.at("metadata", "error") if answer.status == 200 else None
    return SourceAnswerInvalid(f"alternative.me answered: {error}") if error else None


def _value(row: object) -> tuple[date, int]:
    try:
        fields = row if isinstance(row, dict) else {}
        moment: datetime = unix_seconds_text(fields.get("timestamp"))
        value = decimal_text(fields.get("value"))
        if not (0 <= value <= 100 and value.is_integer()):
            raise Unreadable(f"{value:g} is not a whole number from 0 to 100")
    except Unreadable as e:
        raise SourceAnswerInvalid(f"alternative.me answered {row_text(row)}: {e}") from e
    return moment.date(), int(value)
