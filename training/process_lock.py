"""Detects whether the process of a claimed training still runs on this machine."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidecast.settings import Settings
from tidecast.timeframes import Market

FOLDER = "trainings"


class TrainingLocks:
    """One file for each market, locked by the training that runs and named in it.

    The system releases the lock when the process ends, however it ends. A training of another
    machine leaves no file here: only the lease of its claim tells that it is dead.

    Args:
        folder: the same for all processes of the machine; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, settings: Settings) -> "TrainingLocks":
        """The locks in the home of the settings."""
        return cls(settings.home_dir.absolute() / FOLDER)

    @contextmanager
    def held(self, market: Market, window: str) -> Iterator[None]:
        """Hold the lock while the training of a claimed window runs."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(market)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with draft.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(window)
            file.flush()
            # Put in place only now: another process must not find it without its lock.
            draft.replace(path)
            yield

    def was_killed(self, market: Market, window: str) -> bool:
        """Whether the training of this window ran here and its process is gone.

        False for one that never got as far as its lock.
        """
        try:
            with self._path(market).open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file.read() == window
        except (FileNotFoundError, BlockingIOError):
            return False

    def _path(self, market: Market) -> Path:
        return self._folder / f"{market.symbol}-{market.interval}.lock"
