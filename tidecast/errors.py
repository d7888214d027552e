"""Every error the core raises, ordered by who must act. No transport code lives here.

TidecastError
├── CallerError          the caller must change the request
├── OperatorError        a person who runs the system must act
├── RetryLater           waiting may cure it
└── RejectedError        something was refused and what was there before stays
"""

from collections.abc import Sequence


class TidecastError(Exception):
    """Root of all errors that Tidecast raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle without ``__init__``: most of them take other arguments than a message."""
        return type(self).__new__, (type(self), *self.args), vars(self)


class CallerError(TidecastError):
    """The request cannot be answered as it was asked."""

    def __init__(self, message: str, *, field: str, allowed: Sequence[str] | str) -> None:
        super().__init__(message)
        self.field = field
        self.allowed = allowed


class UnknownMarket(CallerError):
    """No such symbol and interval are configured."""


class InvalidParameter(CallerError):
    """A parameter is malformed or out of its range."""


class OperatorError(TidecastError):
    """Nothing gets better by itself: configuration, credentials or permissions are wrong."""


class ConfigurationError(OperatorError):
    """A setting is wrong or missing."""


class SourceRefused(OperatorError):
    """An exchange refuses us for good: no key, no permission, a geographic block."""


class UnknownPair(OperatorError):
    """An exchange does not know the pair or interval that the settings name."""


class RetryLater(TidecastError):
    """Something outside is away for now.

    Args:
        message: what is away.
        retry_after_seconds: how long the other side asked us to wait, None if it did not say.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SourceUnavailable(RetryLater):
    """An exchange does not answer, or answers with a server error, after bounded retries."""


class SourceThrottled(RetryLater):
    """An exchange asks us to slow down (429, 418 or its own wording)."""


class StoreUnavailable(RetryLater):
    """The database cannot be reached, is locked, or its disk is full."""


class StoreUnusable(StoreUnavailable, OperatorError):
    """The database is damaged or its file may not be used: a command that meets it has to end.

    A process that is running treats it like any other outage, so that it continues when the
    operator has restored the database.
    """


class CandlesChanged(RetryLater):
    """Candles came while a forecast was computed from those before; compute it again."""


class RegistryUnavailable(RetryLater):
    """The model registry cannot be reached."""


class ForecastUnavailable(RetryLater):
    """There is no forecast to serve yet, or the last one is older than max_staleness."""


class RejectedError(TidecastError):
    """A check refused an input; the state before it stays in force."""


class SourceAnswerInvalid(RejectedError):
    """An exchange answered something that is not the documented shape."""


class CandlesRefused(RejectedError):
    """No row of a file or page is a candle, or too few rows of a file are."""


class TooFewCandles(RejectedError):
    """There is less history than a computation needs.

    Args:
        needed: how many candles it needs.
        have: how many there are; missing ones are not counted.
        counted: what is counted, where it is not candles.
    """

    def __init__(self, needed: int, have: int, counted: str = "candles") -> None:
        super().__init__(f"needs {needed} {counted}, has {have}; ingest more history")
        self.needed = needed
        self.have = have


class FitFailed(RejectedError):
    """A model could not be fitted."""


class ArtefactInvalid(RejectedError):
    """A model artefact is damaged, incomplete or of another format version."""


class ForecastInvalid(RejectedError):
    """A forecast is not finite, is constant, crosses its quantiles or has the wrong shape."""


class GateRefused(RejectedError):
    """A challenger did not earn its promotion; ``reasons`` says why."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)
