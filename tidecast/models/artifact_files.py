"""The files of an artifact: their names, how large they may be, and reading them safely.

Anyone with write access to the artifact store chooses its contents. Only plain files up to a fixed
size are read.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from tidecast.errors import ArtefactInvalid

MANIFEST, ARRAYS, PARAMETERS, CALIBRATION = (
    "manifest.json",
    "arrays.npz",
    "parameters.json",
    "calibration.json",
)
FILES = (ARRAYS, PARAMETERS, CALIBRATION)
"""Every file of an artifact except its manifest, which holds their digests."""
MAX_JSON_BYTES = 2**20
"""The largest, the calibration, has 6 KB for 24 steps."""
MAX_ARRAYS_BYTES = 32 * 2**20
"""Of all arrays together, packed or not. An ensemble has 160 KB, and 1.8 MB with the most and the
largest trees that a search may choose."""

ReadFile = Callable[[str, int], bytes | None]
"""Content of a file by its name, or None if there is none. Reads at most the given number of bytes
and raises ArtefactInvalid when there are more."""


def max_bytes(name: str) -> int:
    """The most bytes that a file of an artifact may have."""
    return MAX_ARRAYS_BYTES if name == ARRAYS else MAX_JSON_BYTES


def too_large(name: str, limit: int) -> ArtefactInvalid:
    """The error for a file beyond its limit."""
    return ArtefactInvalid(f"{name} is larger than {limit:,} bytes; train again or roll back")


def read_file(path: Path, limit: int) -> bytes:
    """Content of a plain file.

    Raises:
        ArtefactInvalid: it is a link, a directory, a device or a pipe, or larger than ``limit``.
        OSError: it is missing or cannot be read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for a writer.
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ArtefactInvalid(f"{path} is not a plain file; train again or roll back")
            content = file.read(limit + 1)
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            raise ArtefactInvalid(
                f"{path} is not a plain file; train again or roll back"
            ) from error
        raise
    if len(content) > limit:
        raise too_large(str(path), limit)
    return content


_NOT_A_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV)
"""What the system says of a link, a directory, a socket and a device without a driver."""


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def read_verified(folder: Path, manifest: bytes) -> dict[str, bytes]:
    """Contents of every file of an artifact, each as the manifest says.

    Raises:
        ArtefactInvalid: the manifest is none, or a file is missing or differs.
        OSError: a file cannot be read.
    """
    contents = {}
    for name, expected in file_digests(manifest).items():
        try:
            contents[name] = read_file(folder / name, max_bytes(name))
        except FileNotFoundError as error:
            raise ArtefactInvalid(
                f"{folder} is incomplete: {name} is missing; train again or roll back"
            ) from error
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise ArtefactInvalid(f"{name} of {folder.name} is damaged: its SHA-256 differs")
    return contents


def file_digests(manifest: bytes) -> dict[str, str]:
    """SHA-256 of every file by the manifest, which must name all of ``FILES`` and no other.

    Raises:
        ArtefactInvalid: it does not.
    """
    try:
        named = {str(name): str(digest) for name, digest in json.loads(manifest)["sha256"].items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ArtefactInvalid(f"{MANIFEST} cannot be read: {error!r}") from error
    if set(named) != set(FILES):
        raise ArtefactInvalid(
            f"{MANIFEST} names {', '.join(sorted(named)) or 'no files'};"
            f" an artifact has {', '.join(sorted(FILES))}"
        )
    return {name: named[name] for name in FILES}
