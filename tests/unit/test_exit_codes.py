import inspect

import pytest

from tidecast import errors
from tidecast.exit_codes import MEANINGS, ExitCode, exit_code, worst

EXPECTED = {
    "TidecastError": ExitCode.FAILED,
    "CallerError": ExitCode.USAGE,
    "UnknownMarket": ExitCode.USAGE,
    "InvalidParameter": ExitCode.USAGE,
    "OperatorError": ExitCode.CONFIGURATION,
    "ConfigurationError": ExitCode.CONFIGURATION,
    "SourceRefused": ExitCode.CONFIGURATION,
    "UnknownPair": ExitCode.CONFIGURATION,
    "RetryLater": ExitCode.UNAVAILABLE,
    "SourceUnavailable": ExitCode.UNAVAILABLE,
    "SourceThrottled": ExitCode.UNAVAILABLE,
    "StoreUnavailable": ExitCode.UNAVAILABLE,
    "StoreUnusable": ExitCode.CONFIGURATION,
    "CandlesChanged": ExitCode.UNAVAILABLE,
    "RegistryUnavailable": ExitCode.UNAVAILABLE,
    "ForecastUnavailable": ExitCode.UNAVAILABLE,
    "RejectedError": ExitCode.REFUSED,
    "SourceAnswerInvalid": ExitCode.REFUSED,
    "CandlesRefused": ExitCode.REFUSED,
    "TooFewCandles": ExitCode.NO_CANDLES,
    "FitFailed": ExitCode.REFUSED,
    "ArtefactInvalid": ExitCode.REFUSED,
    "ForecastInvalid": ExitCode.REFUSED,
    "GateRefused": ExitCode.REFUSED,
}


def _made(kind):
    if issubclass(kind, errors.CallerError):
        return kind("x", field="f", allowed="a")
    if kind is errors.TooFewCandles:
        return kind(needed=2, have=1)
    return kind(["x"]) if kind is errors.GateRefused else kind("x")


@pytest.mark.parametrize(("name", "code"), EXPECTED.items())
def test_exit_code_says_who_must_act(name, code):
    assert exit_code(_made(getattr(errors, name))) is code


def test_exit_code_table_knows_every_error_of_the_core():
    kinds = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.TidecastError)
    }
    assert kinds == set(EXPECTED)


def test_exit_code_of_a_foreign_error_is_failed():
    assert exit_code(ZeroDivisionError()) is ExitCode.FAILED


def test_exit_code_of_ctrl_c_is_the_shells():
    assert exit_code(KeyboardInterrupt()) is ExitCode.INTERRUPTED


def test_every_exit_code_has_a_meaning():
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], ExitCode.OK),
        ([ExitCode.OK, ExitCode.UNAVAILABLE], ExitCode.UNAVAILABLE),
        ([ExitCode.UNAVAILABLE, ExitCode.CONFIGURATION], ExitCode.CONFIGURATION),
        ([ExitCode.CONFIGURATION, ExitCode.FAILED], ExitCode.FAILED),
    ],
)
def test_worst_exit_code_is_the_one_a_person_must_cure(codes, expected):
    assert worst(codes) is expected
