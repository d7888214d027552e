import json
import os
import socket
from pathlib import Path

import pytest

from tidecast.errors import ArtefactInvalid
from tidecast.models.artifact_files import FILES, file_digests, max_bytes, read_file

LIMIT = 1000


def test_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(LIMIT))
    assert read_file(path, LIMIT) == bytes(LIMIT)
    path.write_bytes(bytes(LIMIT + 1))
    with pytest.raises(ArtefactInvalid, match="larger than 1,000 bytes"):
        read_file(path, LIMIT)


def test_sparse_file_of_a_terabyte_is_refused_at_once(tmp_path):
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ArtefactInvalid, match="larger than"):
        read_file(path, LIMIT)


def test_missing_file_is_told_from_a_bad_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "nothing", LIMIT)


def pipe(path):
    os.mkfifo(path)


def link_to_a_device(path):
    path.symlink_to("/dev/zero")


def link_to_a_file(path):
    target = path.absolute().with_name("target")
    target.write_text("{}")
    path.symlink_to(target)


def folder(path):
    path.mkdir()


def bound_socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [pipe, link_to_a_device, link_to_a_file, folder, bound_socket])
def test_what_is_no_plain_file_is_not_read(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket has at most 108 characters
    make(Path("bad"))
    with pytest.raises(ArtefactInvalid, match="not a plain file"):
        read_file(Path("bad"), LIMIT)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
def test_device_is_not_read(device):
    with pytest.raises(ArtefactInvalid, match="not a plain file"):
        read_file(Path(device), LIMIT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        json.dumps({"sha256": {}}).encode(),
        json.dumps({"sha256": {"../x": "0"}}).encode(),
        json.dumps({"sha256": dict.fromkeys([*FILES, "more.bin"], "0")}).encode(),
        json.dumps({"sha256": dict.fromkeys(FILES[1:], "0")}).encode(),
    ],
    ids=lambda content: content[:40],
)
def test_manifest_of_other_files_is_refused(content):
    with pytest.raises(ArtefactInvalid):
        file_digests(content)


def test_every_file_has_a_limit():
    assert all(0 < max_bytes(name) < 2**26 for name in ("manifest.json", *FILES))
