"""Which state the commands speak about: that of live candles, or that of the last replay.

``tidecast up`` that replays keeps everything in ``<home_dir>/replay``, so that replayed candles
never mix with live ones, and notes here which settings it runs with. Other commands read the note
and work on the same state with the same clock. A lock tells whether ``up`` is still running.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from tidecast.errors import ConfigurationError
from tidecast.settings import Settings, load_settings

NOTE = "session.json"
LOCK = "up.lock"
CLOCK_VARIABLE = "TIDECAST_CLOCK__SIMULATED_AT"


def command_settings() -> Settings:
    """Settings of a command: the environment's, or those of the last replay.

    Whoever sets a simulated clock in the environment has chosen, and the note is not looked at.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    settings = load_settings()
    variables = {} if CLOCK_VARIABLE in os.environ else read_note(settings.home_dir)
    if not variables:
        return settings
    os.environ.update(variables)
    if not is_running(settings.home_dir):
        _stop_the_clock()
    return load_settings()


def write_note(home_dir: Path, variables: Mapping[str, str]) -> None:
    """Note the settings of a replay; none for live candles."""
    home_dir.mkdir(parents=True, exist_ok=True)
    draft = home_dir / f"{NOTE}.new"
    draft.write_text(json.dumps({"variables": dict(variables)}, indent=2))
    draft.replace(home_dir / NOTE)


def read_note(home_dir: Path) -> dict[str, str]:
    """Settings of the last replay; empty when ``up`` ran live or never."""
    path = home_dir / NOTE
    if not path.exists():
        return {}
    try:
        variables = dict(json.loads(path.read_text())["variables"])
    except (ValueError, KeyError, TypeError) as e:
        raise ConfigurationError(f"{path} is damaged: delete it") from e
    folder = variables.get("TIDECAST_HOME_DIR")
    return variables if folder is not None and Path(folder).is_dir() else {}


@contextmanager
def running(home_dir: Path) -> Iterator[None]:
    """Hold the lock of ``up`` for this folder.

    Raises:
        ConfigurationError: another one holds it.
    """
    home_dir.mkdir(parents=True, exist_ok=True)
    with (home_dir / LOCK).open("a") as file:
        if not _lock(file):
            raise ConfigurationError(
                f"another `tidecast up` runs in {home_dir.absolute()}: stop it, "
                "or name another folder with TIDECAST_HOME_DIR"
            )
        yield


def is_running(home_dir: Path) -> bool:
    """Whether ``up`` runs in this folder."""
    if not (home_dir / LOCK).exists():
        return False
    with (home_dir / LOCK).open("a") as file:
        return not _lock(file)


def _lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _stop_the_clock() -> None:
    """After a replay has ended, its time stands still at the newest candle."""
    from tidecast.store import Store

    settings = load_settings()
    market = settings.markets[0].market
    with Store(settings.store_url) as store:
        newest = store.candles.newest(market)
    if newest is not None:
        os.environ[CLOCK_VARIABLE] = (newest.open_time + market.length).isoformat()
        os.environ["TIDECAST_CLOCK__REAL_AT"] = datetime.now(UTC).isoformat()
        os.environ["TIDECAST_CLOCK__SPEED"] = "1"
