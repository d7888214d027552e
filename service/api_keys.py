"""Who may ask: API keys, hashed at rest, each with its rate."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from service.key_watch import KeyWatch
from service.metrics import RATE_LIMITED, UNAUTHENTICATED
from service.refusals import RateLimited, Unauthenticated
from service.token_bucket import TokenBucket
from tidecast.settings import ServiceSettings

SCHEME = "bearer"
ALLOWED = "Bearer KEY, with a key from whoever runs this service"


class Doorkeeper:
    """Lets requests in by their API key; without keys everybody is let in.

    Args:
        keys: names and SHA-256 of keys.
        keys_file: more of them, read again when it changes.
        requests_per_second: steady rate of each name, None without a limit.
        monotonic: seconds of a clock that never goes back.

    Raises:
        ConfigurationError: a key is malformed, or the file cannot be read or holds no key.
    """

    def __init__(
        self,
        keys: Mapping[str, str] | None = None,
        keys_file: Path | None = None,
        requests_per_second: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.asks = bool(keys) or keys_file is not None
        """Whether a key is asked for at all."""
        self._watch = KeyWatch(keys or {}, keys_file)
        self._requests_per_second = requests_per_second
        self._monotonic = monotonic
        self._buckets: dict[str, TokenBucket] = {}

    def start(self) -> None:
        """Watch the file of keys, if there is one."""
        self._watch.start()

    def stop(self) -> None:
        """End what ``start`` started."""
        self._watch.stop()

    def check(self, authorization: str | None) -> None:
        """Let a request in.

        Args:
            authorization: value of the ``Authorization`` header or metadata, None without one.

        Raises:
            Unauthenticated: keys are configured and this is none of them.
            RateLimited: the key has used up its rate.
        """
        if not self.asks:
            return
        try:
            name = self._owner(authorization)
        except Unauthenticated:
            UNAUTHENTICATED.inc()
            raise
        if self._requests_per_second is not None:
            self._take(name, self._requests_per_second)

    def _owner(self, authorization: str | None) -> str:
        if authorization is None:
            raise _unauthenticated("an API key is needed")
        scheme, _, key = authorization.strip().partition(" ")
        if scheme.lower() != SCHEME or not key:
            raise _unauthenticated("the Authorization is not of the form `Bearer KEY`")
        name = self._watch.ring.owner(key.strip())
        if name is None:
            raise _unauthenticated("the API key is not known; it may have been withdrawn")
        return name

    def _take(self, name: str, per_second: float) -> None:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets.setdefault(name, TokenBucket(per_second, self._monotonic))
        if wait := bucket.take():
            RATE_LIMITED.labels(name).inc()
            raise RateLimited(
                f"the API key of {name} may ask {per_second:g} times a second",
                retry_after_seconds=wait,
            )


def build_doorkeeper(settings: ServiceSettings) -> Doorkeeper:
    """The doorkeeper that the settings ask for.

    Raises:
        ConfigurationError: a key is malformed, or the file cannot be read or holds no key.
    """
    return Doorkeeper(
        settings.api_keys, settings.api_keys_file, settings.requests_per_second_per_key
    )


def _unauthenticated(message: str) -> Unauthenticated:
    return Unauthenticated(message, field="Authorization", allowed=ALLOWED)
