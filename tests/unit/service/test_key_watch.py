"""What happens to the keys in force when their file changes."""

import json
import logging
import os
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from service.key_ring import digest_of
from service.key_watch import KeyWatch
from tidecast.telemetry import configure_logging

OLD, NEW = "old-key", "new-key"


@pytest.fixture
def log() -> Iterator[StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = StringIO()
    configure_logging("info", "json", "service", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"alice: {digest_of(OLD)}\n")
    return path


def _events(log: StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in log.getvalue().splitlines()]


def test_changed_file_is_in_force_at_the_next_look(file: Path, log: StringIO) -> None:
    watch = KeyWatch({}, file)
    file.write_text(f"alice: {digest_of(NEW)}\n")
    watch.look()
    watch.look()
    assert (watch.ring.owner(OLD), watch.ring.owner(NEW)) == (None, "alice")
    assert _events(log) == ["api_keys_read"]


def test_file_changed_within_one_tick_is_seen(file: Path) -> None:
    watch = KeyWatch({}, file)
    before = file.stat()
    file.write_text(f"alice: {digest_of(NEW)}\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    watch.look()
    assert watch.ring.owner(NEW) == "alice"


def test_swapped_link_of_a_mounted_secret_is_seen(tmp_path: Path) -> None:
    for version, key in (("..1", OLD), ("..2", NEW)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "keys").write_text(f"alice: {digest_of(key)}\n")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "keys").symlink_to("..data/keys")
    watch = KeyWatch({}, tmp_path / "keys")
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    watch.look()
    assert (watch.ring.owner(OLD), watch.ring.owner(NEW)) == (None, "alice")


@pytest.mark.parametrize("content", ["", "# all gone\n", "alice: 12\n", None])
def test_broken_or_vanished_file_keeps_the_keys_and_is_told_once(
    file: Path, log: StringIO, content: str | None
) -> None:
    watch = KeyWatch({}, file)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for _ in range(3):
        watch.look()
    assert (watch.ring.owner(OLD), watch.ring.owner("")) == ("alice", None)
    assert _events(log) == ["api_keys_file_broken"]
    file.write_text(f"alice: {digest_of(OLD)}\n")
    watch.look()
    watch.look()
    assert _events(log) == ["api_keys_file_broken", "api_keys_read"]


def test_log_of_keys_has_names_and_nothing_else_of_them(file: Path, log: StringIO) -> None:
    watch = KeyWatch({}, file)
    file.write_text(f"alice: {digest_of(OLD)}\nbob: {NEW}\n")
    watch.look()
    file.write_text(f"alice: {digest_of(OLD)}\nbob: {digest_of(NEW)}\n")
    watch.look()
    shown = log.getvalue()
    assert "bob" in shown
    for secret in (NEW, digest_of(NEW), digest_of(OLD), digest_of(OLD)[:16]):
        assert secret not in shown


def test_keys_of_the_settings_stay_whatever_the_file_says(file: Path, log: StringIO) -> None:
    watch = KeyWatch({"carol": digest_of("carols")}, file)
    file.write_text(f"alice: {digest_of(NEW)}\n")
    watch.look()
    assert watch.ring.owner("carols") == "carol"


def test_watch_looks_by_itself_once_started(file: Path, log: StringIO) -> None:
    watch = KeyWatch({}, file)
    watch.start()
    try:
        file.write_text(f"alice: {digest_of(NEW)}\n")
        deadline = time.monotonic() + 30
        while watch.ring.owner(NEW) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert watch.ring.owner(NEW) == "alice"
    finally:
        watch.stop()
