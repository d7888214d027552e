"""Reads NumPy arrays from a zip archive, with all sizes known before anything is unpacked."""

import io
import math
import zipfile

import numpy as np

from tidecast.models.artifact_files import MAX_ARRAYS_BYTES
from tidecast.models.model import Arrays

MAX_ARRAYS = 200
"""An ensemble has 25. Not measured: chosen so that much larger models fit; ``MAX_ARRAYS_BYTES``
bounds the memory."""
_SUFFIX = ".npy"
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those that NumPy writes. Other compression methods may allocate memory that no size field
declares."""
_PLAIN_KINDS = "biuf"
"""Booleans, integers, unsigned integers and floats."""


def read_arrays(content: bytes) -> Arrays:
    """The arrays of an npz archive.

    Raises:
        ValueError, zipfile.BadZipFile, zlib.error: it is damaged, too large, or holds something
            that is no plain array.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        _check_members(members)
        return {
            member.filename.removesuffix(_SUFFIX): _read_array(archive, member)
            for member in members
        }


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    names = {member.filename for member in members}
    if len(names) != len(members) or len(names) > MAX_ARRAYS:
        raise ValueError(f"{len(members)} arrays, some twice or more than {MAX_ARRAYS}")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_ARRAYS_BYTES:
        raise ValueError(f"arrays of {unpacked:,} bytes; allowed: {MAX_ARRAYS_BYTES:,}")
    for member in members:
        if not member.filename.endswith(_SUFFIX) or member.compress_type not in _PACKINGS:
            raise ValueError(f"{member.filename!r} is no array as NumPy writes them")


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as packed:
        content = packed.read(member.file_size + 1)
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{member.filename} is of an unknown version of NumPy's format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in _PLAIN_KINDS:
        raise ValueError(f"{member.filename} holds {dtype}; allowed: numbers (allow_pickle=False)")
    # NumPy makes room for the shape before it looks for the numbers.
    if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"{member.filename} of shape {shape} has {len(content):,} bytes")
    stream.seek(0)
    array: np.ndarray = np.load(stream, allow_pickle=False)
    return array
