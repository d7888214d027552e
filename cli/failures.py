"""How a command fails: one line that says what was wrong and who must act, and an exit code."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from tidecast.errors import CallerError, TidecastError
from tidecast.exit_codes import MEANINGS, ExitCode, exit_code

F = TypeVar("F", bound=Callable[..., Any])


def guarded(command: F) -> F:
    """The command, with its errors turned into a line and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt as e:
            code = exit_code(e)
        except BrokenPipeError:
            # The reader of our output went away, as `head` does; nothing is left to say.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = ExitCode.OK
        except Exception as e:
            code = report(e)
        raise typer.Exit(code)

    return run  # type: ignore[return-value]


def report(error: Exception, subject: str = "") -> ExitCode:
    """Print the line of an error to stderr; returns its exit code.

    Args:
        error: what was raised.
        subject: what the command was working on, when it works on several things.
    """
    if isinstance(error, TidecastError):
        code = exit_code(error)
        _say(error, code, subject)
    elif isinstance(error, OSError):
        code = ExitCode.CONFIGURATION
        _say(error, code, subject)
    else:
        code = ExitCode.FAILED
        _say_unexpected(error, subject)
    return code


def error_line(error: Exception, code: ExitCode, subject: str = "") -> str:
    """What was wrong, what is allowed, and who must act, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    parts = [text if subject in text else f"{subject}: {text}"]
    if isinstance(error, CallerError):
        allowed = error.allowed if isinstance(error.allowed, str) else ", ".join(error.allowed)
        parts += [f"allowed: {allowed}"] if allowed else []
    return f"error: {'; '.join(parts)} ({MEANINGS[code]})"


def _say(error: Exception, code: ExitCode, subject: str) -> None:
    print(error_line(error, code, subject), file=sys.stderr)
    if os.environ.get("TIDECAST_LOG_LEVEL") == "debug":
        traceback.print_exc()


def _say_unexpected(error: Exception, subject: str) -> None:
    _say(RuntimeError(f"{type(error).__name__}: {error}"), ExitCode.FAILED, subject)
    print("TIDECAST_LOG_LEVEL=debug shows where it happened.", file=sys.stderr)
