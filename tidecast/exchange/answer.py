"""One HTTP answer of a source: its body, its own time, and how long it asks us to wait."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from tidecast.errors import SourceAnswerInvalid

EXCERPT_CHARACTERS = 300
"""How much of a body an error message shows."""


@dataclass(frozen=True)
class Answer:
    """A complete answer.

    Attributes:
        source: name of the source, for messages.
        headers: names in lower case.
        seconds_to_headers: time between the request and the headers of the answer.
    """

    source: str
    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds_to_headers: float = 0.0

    @property
    def excerpt(self) -> str:
        """Start of the body on one line, for messages."""
        text = self.body[: 4 * EXCERPT_CHARACTERS].decode("utf-8", errors="replace")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line[:EXCERPT_CHARACTERS] or "(empty body)"

    @property
    def server_time(self) -> datetime:
        """The source's time when it made the answer, never later than it really was.

        A cache adds the age of a kept answer in ``Age``, and a slow answer may carry rows that
        were read when it was asked; both would make an open candle look closed.

        Raises:
            SourceAnswerInvalid: there is no readable ``Date`` header.
        """
        age = self.headers.get("age", "0")
        late = timedelta(seconds=int(age) if re.fullmatch("[0-9]{1,9}", age) else 0)
        return self._date - late - timedelta(seconds=int(self.seconds_to_headers))

    @property
    def retry_after_seconds(self) -> float | None:
        """Seconds that ``Retry-After`` asks for, None without a readable one."""
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch("[0-9]{1,12}", text):
            return float(text)
        try:
            # Against the source's own clock: ours may be skewed.
            return max((_http_date(text) - self._date).total_seconds(), 0.0)
        except (ValueError, SourceAnswerInvalid):
            return None

    def json(self) -> object:
        """The body as JSON.

        Raises:
            SourceAnswerInvalid: it is not JSON, or cut off.
        """
        try:
            parsed: object = json.loads(self.body)
        except (ValueError, RecursionError) as e:
            raise SourceAnswerInvalid(
                f"{self.source} answered something that is not JSON ({e}): {self.excerpt}"
            ) from e
        return parsed

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object, empty when it is anything else: for looking at faults."""
        try:
            parsed = self.json()
        except SourceAnswerInvalid:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    def at(self, *path: str | int) -> object:
        """The JSON value at a path of keys and positions, None where there is none.

        Raises:
            SourceAnswerInvalid: the body is not JSON.
        """
        value = self.json()
        for key in path:
            value = _child(value, key)
        return value

    def list_at(self, *path: str | int) -> list[object]:
        """The JSON list at a path of keys and positions.

        Raises:
            SourceAnswerInvalid: there is no list.
        """
        value = self.at(*path)
        if not isinstance(value, list):
            place = "/".join(str(key) for key in path) or "the top"
            raise SourceAnswerInvalid(
                f"{self.source} answered no list of candles at {place}: {self.excerpt}"
            )
        return value

    @property
    def _date(self) -> datetime:
        try:
            return _http_date(self.headers.get("date", ""))
        except ValueError as e:
            raise SourceAnswerInvalid(
                f"{self.source} answered without a readable Date header, so that nobody knows "
                "which candles are closed"
            ) from e


def _child(value: object, key: str | int) -> object:
    if isinstance(key, int):
        return value[key] if isinstance(value, list) and len(value) > key else None
    return value.get(key) if isinstance(value, dict) else None


def _http_date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
