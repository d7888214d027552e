import io
import zipfile

import numpy as np
import pytest

from tidecast.models import array_file
from tidecast.models.array_file import MAX_ARRAYS, read_arrays
from tidecast.models.artifact_files import MAX_ARRAYS_BYTES


def packed(arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def archive(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def claiming(shape, dtype="<f8", content=b""):
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


@pytest.mark.parametrize(
    "array",
    [np.array(3), np.array([True, False]), np.ones((2, 3)), np.asfortranarray(np.ones((2, 3)))],
    ids=["single", "booleans", "table", "by columns"],
)
def test_arrays_come_back_as_they_were(array):
    (again,) = read_arrays(packed({"a": array})).values()
    assert (again.dtype, again.shape, again.flags.f_contiguous) == (
        array.dtype,
        array.shape,
        array.flags.f_contiguous,
    )
    np.testing.assert_array_equal(again, array)


def test_bomb_is_refused_before_it_is_unpacked():
    zeros = np.zeros(MAX_ARRAYS_BYTES // 8 + 1)
    content = packed({"a": np.ones(3), "bomb": zeros})
    assert len(content) < MAX_ARRAYS_BYTES / 100
    with pytest.raises(ValueError, match="bytes; allowed"):
        read_arrays(content)


def test_small_arrays_that_are_large_together_are_refused():
    part = np.zeros(MAX_ARRAYS_BYTES // 80)
    with pytest.raises(ValueError, match="bytes; allowed"):
        read_arrays(packed({f"a{number}": part for number in range(11)}))


def test_size_that_the_archive_understates_is_refused():
    content = bytearray(archive([("a.npy", npy(np.zeros(1000)))]))
    true_size = (8128).to_bytes(4, "little")
    assert content.count(true_size) == 2
    lying = bytes(content).replace(true_size, (200).to_bytes(4, "little"))
    with pytest.raises((ValueError, zipfile.BadZipFile)):
        read_arrays(lying)


@pytest.mark.parametrize("shape", [(2**40, 2**10), (10**9,), (2,), (0,), (-1,)])
def test_shape_that_its_content_does_not_fill_is_refused(shape):
    with pytest.raises(ValueError):
        read_arrays(archive([("a.npy", claiming(shape, content=bytes(8)))]))


@pytest.mark.parametrize("dtype", ["|O", "<U8", "<c16", "<M8[s]", [("a", "<f8")]])
def test_other_than_numbers_are_refused(dtype):
    with pytest.raises(ValueError):
        read_arrays(archive([("a.npy", claiming((1,), dtype, bytes(64)))]))


@pytest.mark.parametrize("name", ["a", "a.txt", "a.npz", "schema.json"])
def test_member_that_is_no_array_is_refused(name):
    with pytest.raises(ValueError, match="is no array"):
        read_arrays(archive([("b.npy", npy(np.ones(2))), (name, npy(np.ones(2)))]))


def test_archive_within_the_archive_is_refused():
    inner = packed({"a": np.zeros(10)})
    with pytest.raises(ValueError):
        read_arrays(archive([("a.npy", inner)]))


def test_too_many_members_are_refused():
    one = npy(np.zeros(1))
    with pytest.raises(ValueError, match=f"{MAX_ARRAYS + 1} arrays"):
        read_arrays(archive([(f"{number}.npy", one) for number in range(MAX_ARRAYS + 1)]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_name_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        read_arrays(archive([("a.npy", npy(np.zeros(1)))] * 2))


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_packing_than_numpys_is_refused(compression):
    with pytest.raises(ValueError, match="is no array"):
        read_arrays(archive([("a.npy", npy(np.ones(2)))], compression))


def test_limit_leaves_room_for_the_largest_search():
    """48 leaves and 400 trees, a boosting of the scale and one of the center."""
    nodes = (2 * 48 - 1) * (400 + 240)
    assert 8 * 29 * nodes < array_file.MAX_ARRAYS_BYTES
