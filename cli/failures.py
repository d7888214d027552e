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
        except TidecastError as e:
            code = exit_code(e)
            _say(e, code)
        except OSError as e:
            code = ExitCode.CONFIGURATION
            _say(e, code)
        except Exception as e:
            code = ExitCode.FAILED
            _say_unexpected(e)
        raise typer.Exit(code)

    return run  # type: ignore[return-value]


def error_line(error: Exception, code: ExitCode) -> str:
    """What was wrong, what is allowed, and who must act, on one line."""
    parts = [" ".join(str(error).split()) or type(error).__name__]
    if isinstance(error, CallerError):
        allowed = error.allowed if isinstance(error.allowed, str) else ", ".join(error.allowed)
        parts.append(f"allowed: {allowed}")
    return f"error: {'; '.join(parts)} ({MEANINGS[code]})"


def _say(error: Exception, code: ExitCode) -> None:
    print(error_line(error, code), file=sys.stderr)
    if os.environ.get("TIDECAST_LOG_LEVEL") == "debug":
        traceback.print_exc()


def _say_unexpected(error: Exception) -> None:
    _say(RuntimeError(f"{type(error).__name__}: {error}"), ExitCode.FAILED)
    print("TIDECAST_LOG_LEVEL=debug shows where it happened.", file=sys.stderr)
