"""One HTTP session per source: time-outs, bounded retries, Retry-After, and what went wrong.

Only facts that hold for every HTTP source live here. What one exchange says in its own way is
told apart by the ``fault`` function that its adapter passes to ``HttpSession.ask``.
"""

import ipaddress
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util import Retry

from tidecast import __version__
from tidecast.errors import (
    RetryLater,
    SourceAnswerInvalid,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
    TidecastError,
)
from tidecast.exchange.answer import Answer
from tidecast.exchange.deadline import TOTAL_TIME_FACTOR, DeadlineAdapter
from tidecast.exchange.pacing import Pacer

MAX_BODY_BYTES = 16 * 2**20
"""Largest body that is read; the longest real answer (730 days of Yahoo hours) has 2 MiB."""

MAX_BACKOFF_SECONDS = 30.0
"""Longest pause between two attempts that we choose ourselves."""

USER_AGENT = f"Mozilla/5.0 (compatible; tidecast/{__version__})"

Fault = Callable[[Answer], TidecastError | None]
"""Reads what only this exchange says; None when the answer holds no fault it knows."""


class SourceBanned(SourceThrottled):
    """The exchange has banned us for a while: asking again makes the ban longer."""


@dataclass(frozen=True)
class Endpoint:
    """Where a source is asked and how often.

    Attributes:
        key_setting: the setting that holds the source's API key, None when it has no keys.
        has_key: whether a key is set.
    """

    name: str
    base_url: str
    per_second: float
    burst: int
    headers: Mapping[str, str]
    key_setting: str | None = None
    has_key: bool = False


@dataclass(frozen=True)
class Patience:
    """How long and how often a source is asked before it counts as down."""

    timeout_seconds: float
    max_attempts: int
    backoff_seconds: float
    max_retry_after_seconds: float


class _Backoff(Retry):
    """urllib3's retry state, except that the first retry waits too."""

    def get_backoff_time(self) -> float:
        pause = float(self.backoff_factor) * 2.0 ** (len(self.history) - 1)
        jitter = random.random() * float(self.backoff_jitter)  # noqa: S311  # not a secret
        return min(float(self.backoff_max), pause) + jitter

    def after(self, error: RetryLater, path: str) -> Self:
        """State after one more failure; raises the failure itself when attempts are used up."""
        try:
            return self.increment(method="GET", url=path, error=error)
        except MaxRetryError:
            raise error from error.__cause__


class HttpSession:
    """Asks one source, politely and for a bounded time.

    Args:
        endpoint: the source.
        patience: its limits.
        sleep: waits so many seconds.
        notify: is told about every pause longer than a second.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        patience: Patience,
        *,
        sleep: Callable[[float], None] = time.sleep,
        notify: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.endpoint = endpoint
        self.name = endpoint.name
        self._patience = patience
        self._sleep = sleep
        self._notify = notify
        self._pacer = Pacer(endpoint.per_second, endpoint.burst, sleep)
        self._requests = requests.Session()
        self._requests.headers.update(
            {"User-Agent": USER_AGENT, "Accept": "application/json", **endpoint.headers}
        )
        self._requests.trust_env = not _is_loopback(endpoint.base_url)
        for scheme in ("http://", "https://"):
            self._requests.mount(scheme, DeadlineAdapter())

    def ask(self, path: str, parameters: Mapping[str, str | int], fault: Fault) -> Answer:
        """GET until there is an answer without a fault.

        Raises:
            SourceUnavailable: no answer, or a server error, after bounded attempts.
            SourceThrottled: throttled, for longer than we may wait or on every attempt.
            SourceRefused: 401, 402, 403 or 451.
            SourceAnswerInvalid: any other status but 200, or a body over the size limit.
            TidecastError: what ``fault`` found.
        """
        backoff = _Backoff(
            total=self._patience.max_attempts - 1,
            backoff_factor=self._patience.backoff_seconds,
            backoff_jitter=self._patience.backoff_seconds,
            backoff_max=MAX_BACKOFF_SECONDS,
        )
        while True:
            try:
                return self._attempt(path, parameters, fault)
            except SourceBanned:
                raise
            except RetryLater as error:
                backoff = backoff.after(error, path)
                self._pause(error, backoff.get_backoff_time())

    def refusal(self, why: str) -> SourceRefused:
        """The error for an operator, with the setting of the key where the source has keys."""
        setting = self.endpoint.key_setting
        if setting is None:
            return SourceRefused(f"{self.name} refuses us: {why}; choose another source")
        advice = f"check the key in {setting}" if self.endpoint.has_key else f"set {setting}"
        return SourceRefused(f"{self.name} refuses us: {why}; {advice} or choose another source")

    def _attempt(self, path: str, parameters: Mapping[str, str | int], fault: Fault) -> Answer:
        self._pacer.wait()
        answer = self._get(path, parameters)
        error = fault(answer) or self._status_fault(answer)
        if error is not None:
            raise error
        return answer

    def _get(self, path: str, parameters: Mapping[str, str | int]) -> Answer:
        started = time.monotonic()
        try:
            with self._requests.get(
                self.endpoint.base_url.rstrip("/") + path,
                params=dict(parameters),
                timeout=self._patience.timeout_seconds,
                allow_redirects=False,  # no documented path redirects; a key must not wander off
                stream=True,
            ) as response:
                seconds_to_headers = time.monotonic() - started
                body = self._read_body(response)
        except (requests.RequestException, HTTPError, TimeoutError) as e:
            raise SourceUnavailable(f"{self.name} does not answer {path}: {e}") from e
        return Answer(
            self.name,
            response.status_code,
            body,
            dict(response.headers.lower_items()),
            seconds_to_headers,
        )

    def _read_body(self, response: requests.Response) -> bytes:
        give_up_at = time.monotonic() + self._patience.timeout_seconds * TOTAL_TIME_FACTOR
        body = bytearray()
        while chunk := response.raw.read1(2**16, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise SourceAnswerInvalid(
                    f"{self.name} answered more than {MAX_BODY_BYTES} bytes; it was not read on"
                )
            if time.monotonic() > give_up_at:
                raise TimeoutError("the body took too long in total")
        return bytes(body)

    def _status_fault(self, answer: Answer) -> TidecastError | None:
        status, wait = answer.status, answer.retry_after_seconds
        said = f"{self.name} answered HTTP {status}: {answer.excerpt}"
        if status == 200:
            return None
        if status == 418:
            return SourceBanned(said, retry_after_seconds=wait)
        if status == 429:
            return SourceThrottled(said, retry_after_seconds=wait)
        if status in (401, 402, 403, 451):
            return self.refusal(f"HTTP {status}: {answer.excerpt}")
        if status >= 500 or status == 408:
            return SourceUnavailable(said, retry_after_seconds=wait)
        return SourceAnswerInvalid(said)

    def _pause(self, error: RetryLater, backoff_seconds: float) -> None:
        asked = error.retry_after_seconds or 0.0
        if asked > self._patience.max_retry_after_seconds:
            raise error
        seconds = max(asked, backoff_seconds)
        if seconds > 1:
            self._notify(f"{self.name}: waiting {seconds:.0f} s after: {error}")
        self._sleep(seconds)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
