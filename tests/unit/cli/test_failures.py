import pytest
import typer

from cli.failures import error_line, guarded
from tidecast.errors import InvalidParameter, SourceRefused, StoreUnavailable, TooFewCandles
from tidecast.exit_codes import ExitCode


def _failing(error):
    @guarded
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            InvalidParameter("horizon 0 is out of range", field="horizon", allowed="1..24"),
            2,
            ["horizon 0 is out of range", "allowed: 1..24", "change the arguments"],
        ),
        (SourceRefused("no key"), 64, ["no key", "the operator must act"]),
        (StoreUnavailable("locked"), 69, ["locked", "try again later"]),
        (TooFewCandles(needed=5, have=1), 66, ["needs 5 candles", "ingest more history"]),
        (PermissionError(13, "Permission denied", "/x"), 64, ["/x", "the operator must act"]),
        (ZeroDivisionError("oops"), 1, ["ZeroDivisionError: oops", "please report it"]),
    ],
)
def test_command_failure_is_one_line_and_an_exit_code(error, code, words, capsys, monkeypatch):
    monkeypatch.delenv("TIDECAST_LOG_LEVEL", raising=False)
    with pytest.raises(typer.Exit) as caught:
        _failing(error)()
    line = capsys.readouterr().err.splitlines()[0]
    assert caught.value.exit_code == code
    assert line.startswith("error: ")
    assert all(word in line for word in words)


def test_command_failure_shows_no_traceback(capsys, monkeypatch):
    monkeypatch.delenv("TIDECAST_LOG_LEVEL", raising=False)
    with pytest.raises(typer.Exit):
        _failing(ZeroDivisionError("oops"))()
    assert "Traceback" not in capsys.readouterr().err


def test_command_failure_shows_where_it_happened_when_debugging(capsys, monkeypatch):
    monkeypatch.setenv("TIDECAST_LOG_LEVEL", "debug")
    with pytest.raises(typer.Exit):
        _failing(ZeroDivisionError("oops"))()
    assert "Traceback" in capsys.readouterr().err


def test_command_ended_by_ctrl_c_exits_130():
    with pytest.raises(typer.Exit) as caught:
        _failing(KeyboardInterrupt())()
    assert caught.value.exit_code == ExitCode.INTERRUPTED


def test_error_line_names_its_subject_once():
    named = error_line(TooFewCandles(needed=5, have=1), ExitCode.NO_CANDLES, "ETH-USD:1h")
    assert named.startswith("error: ETH-USD:1h: needs 5 candles")
    error = StoreUnavailable("another training of ETH-USD:1h runs")
    line = error_line(error, ExitCode.UNAVAILABLE, "ETH-USD:1h")
    assert line.startswith("error: another training of ETH-USD:1h")


def test_error_line_stays_one_line():
    assert "\n" not in error_line(StoreUnavailable("a\nb\n  c"), ExitCode.UNAVAILABLE)
