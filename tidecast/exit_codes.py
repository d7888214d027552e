"""How every process and command tells by its exit code what happened and who must act."""

from enum import IntEnum

from tidecast.errors import CallerError, OperatorError, RejectedError, RetryLater, TooFewCandles


class ExitCode(IntEnum):
    """Exit codes; 64 to 69 follow sysexits.h where it has a word for the case."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIGURATION = 64
    REFUSED = 65
    NO_CANDLES = 66
    UNAVAILABLE = 69
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "an unexpected error, a fault of Tidecast itself: please report it",
    ExitCode.USAGE: "the command was called wrongly: change the arguments",
    ExitCode.CONFIGURATION: "a setting, key, permission or store is wrong: the operator must act",
    ExitCode.REFUSED: "a check refused the input and what was there before stays in force",
    ExitCode.NO_CANDLES: "there are too few candles: ingest more history",
    ExitCode.UNAVAILABLE: (
        "a dependency is unavailable (exchange, store, registry): try again later"
    ),
    ExitCode.INTERRUPTED: "ended by Ctrl-C before it was done",
}

_BY_ERROR: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (CallerError, ExitCode.USAGE),
    (OperatorError, ExitCode.CONFIGURATION),
    (RetryLater, ExitCode.UNAVAILABLE),
    (TooFewCandles, ExitCode.NO_CANDLES),
    (RejectedError, ExitCode.REFUSED),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
)


def exit_code(error: BaseException) -> ExitCode:
    """Exit code of a process that ends with this error."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED


def worst(codes: list[ExitCode]) -> ExitCode:
    """Exit code of a run over several markets: what a person must cure comes first."""
    order = (
        ExitCode.FAILED,
        ExitCode.CONFIGURATION,
        ExitCode.USAGE,
        ExitCode.REFUSED,
        ExitCode.NO_CANDLES,
        ExitCode.UNAVAILABLE,
    )
    return next((code for code in order if code in codes), ExitCode.OK)
