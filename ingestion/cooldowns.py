"""Which sources are left alone for a while, remembered in the store between runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tidecast.errors import (
    OperatorError,
    RetryLater,
    SourceAnswerInvalid,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
    TidecastError,
    UnknownPair,
)
from tidecast.exit_codes import ExitCode, exit_code
from tidecast.store import Store

SOURCE_FAULTS = (
    SourceAnswerInvalid,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
    UnknownPair,
)
"""Errors that are a source's own; everything else ends the run."""

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
THROTTLED_PAUSE = timedelta(minutes=5)
"""Pause after a 429 that names none."""
REFUSED_PAUSE = timedelta(hours=6)
"""Pause after a refusal that only a person can cure."""


@dataclass(frozen=True)
class Failure:
    """Why a source gave nothing.

    Attributes:
        source: ``exchange:pair``.
        code: exit code that the failure stands for.
        since: when the failures in a row began, UTC.
        until: the source is not asked before, UTC.
        count: failures in a row.
    """

    source: str
    message: str
    code: ExitCode
    since: datetime
    until: datetime
    count: int


class Cooldowns:
    """Failures in a row of each source.

    A ban counts for the whole exchange, an unknown pair for the pair only.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def active(self, exchange: str, pair: str, now: datetime) -> Failure | None:
        """The failure for which a source must still be left alone."""
        for name in (exchange, f"{exchange}:{pair}"):
            failure = self._read(name)
            if failure is not None and now < failure.until:
                return failure
        return None

    def add(self, exchange: str, pair: str, error: TidecastError, now: datetime) -> Failure:
        """Remember a failure; an event tells of the first in a row, once."""
        name = f"{exchange}:{pair}" if isinstance(error, UnknownPair) else exchange
        before = self._read(name)
        since = before.since if before else now
        count = before.count + 1 if before else 1
        failure = Failure(
            source=f"{exchange}:{pair}",
            message=str(error),
            code=exit_code(error),
            since=since,
            until=now + _pause(error, count),
            count=count,
        )
        self._write(name, failure, now)
        self._store.events.add(
            "SourceFailed",
            f"source-failed:{name}:{since.isoformat()}",
            {"source": failure.source, "error": type(error).__name__, "message": str(error)},
            now,
        )
        return failure

    def clear(self, exchange: str, pair: str, now: datetime) -> None:
        """A source answered: nothing is held against it any more."""
        for name in (exchange, f"{exchange}:{pair}"):
            if self._read(name) is not None:
                self._store.notes.put(_note(name), {}, now)

    def _read(self, name: str) -> Failure | None:
        note = self._store.notes.get(_note(name))
        if not note:
            return None
        return Failure(
            source=note["source"],
            message=note["message"],
            code=ExitCode(note["code"]),
            since=datetime.fromisoformat(note["since"]),
            until=datetime.fromisoformat(note["until"]),
            count=note["count"],
        )

    def _write(self, name: str, failure: Failure, now: datetime) -> None:
        note = {
            "source": failure.source,
            "message": failure.message,
            "code": int(failure.code),
            "since": failure.since.isoformat(),
            "until": failure.until.isoformat(),
            "count": failure.count,
        }
        self._store.notes.put(_note(name), note, now)


def _note(name: str) -> str:
    return f"source:{name}"


def _pause(error: TidecastError, count: int) -> timedelta:
    if isinstance(error, OperatorError):
        return REFUSED_PAUSE
    if isinstance(error, RetryLater) and error.retry_after_seconds is not None:
        return timedelta(seconds=error.retry_after_seconds)
    if isinstance(error, SourceThrottled):
        return THROTTLED_PAUSE
    return min(FIRST_PAUSE * 2.0 ** min(count - 1, 10), LONGEST_PAUSE)
