"""Which API keys count now: those of the settings, and those of a file that may change."""

import threading
from collections.abc import Mapping
from pathlib import Path

from service.key_ring import KeyRing, entries_of_mapping, entries_of_text
from tidecast.errors import ConfigurationError
from tidecast.telemetry import LOOP_FAILURES, get_logger

LOOK_SECONDS = 1.0
"""Pause between two looks at the file: how long a withdrawn key may still be let in."""
MAX_FILE_BYTES = 1024 * 1024
"""Some ten thousand keys; a larger file is a mistake."""
_FROM_SETTINGS = "TIDECAST_SERVICE__API_KEYS"
_FROM_FILE = "TIDECAST_SERVICE__API_KEYS_FILE"

log = get_logger("service")


class KeyWatch:
    """The keys in force; requests read ``ring`` and never a disk.

    The file is read whole at each look instead of being asked for its time of change: it is small,
    a mounted secret is swapped by a symbolic link, and two writes within one tick of a file
    system's clock look like one. A file that is broken or gone changes nothing and is told once.

    Args:
        keys: names and SHA-256 of the settings.
        path: the file, None without one.

    Raises:
        ConfigurationError: a key is malformed, or the file cannot be read or holds no key.
    """

    def __init__(self, keys: Mapping[str, str], path: Path | None) -> None:
        self._path = path
        try:
            self._fixed = entries_of_mapping(keys)
            KeyRing(self._fixed)
        except ConfigurationError as error:
            raise ConfigurationError(f"{_FROM_SETTINGS}: {error}") from error
        self._content = b"" if path is None else _read(path)
        self.ring = self._ring_with(self._content)
        self._trouble: str | None = None
        self._stop = threading.Event()

    def start(self) -> None:
        """Look at the file from now on, in a thread of its own; nothing to do without a file."""
        if len(self.ring):
            self._tell_names()
        if self._path is not None:
            threading.Thread(target=self._run, name="api keys", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def look(self) -> None:
        """Read the file again and put its keys in force."""
        assert self._path is not None
        try:
            content = _read(self._path)
            if content == self._content and self._trouble is None:
                return
            self.ring = self._ring_with(content)
        except ConfigurationError as error:
            self._tell_trouble(str(error))
            return
        self._content = content
        self._trouble = None
        self._tell_names()

    def _ring_with(self, content: bytes) -> KeyRing:
        if self._path is None:
            return KeyRing(self._fixed)
        try:
            return KeyRing([*self._fixed, *entries_of_text(content.decode("utf-8-sig"))])
        except UnicodeDecodeError as error:
            raise _wrong(self._path, "not UTF-8") from error
        except ConfigurationError as error:
            raise _wrong(self._path, str(error)) from error

    def _tell_names(self) -> None:
        log.info("api_keys_read", keys=len(self.ring), names=sorted(self.ring.names))

    def _tell_trouble(self, reason: str) -> None:
        if reason != self._trouble:
            self._trouble = reason
            log.error("api_keys_file_broken", reason=reason, still=sorted(self.ring.names))

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:
                LOOP_FAILURES.labels("service").inc()
                log.exception("api_keys_look_failed")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _wrong(path, error.strerror or type(error).__name__) from error
    if len(content) > MAX_FILE_BYTES:
        raise _wrong(path, f"more than {MAX_FILE_BYTES} bytes")
    return content


def _wrong(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{_FROM_FILE}: {path}: {why}")
