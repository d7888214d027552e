import struct
from typing import Any

import pytest

from service.oip.signature import INPUTS
from service.oip.tensors import Tensor, pack, read_values
from tidecast.errors import InvalidParameter


def _read(name: str, shape: list[int], content: Any, datatype: str | None = None) -> list[Any]:
    spec = INPUTS[name]
    given = spec.datatype if datatype is None else datatype
    return read_values(Tensor(name, given, shape, content), spec)


def _raw_text(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


@pytest.mark.parametrize(
    ("name", "shape", "content", "values"),
    [
        ("symbol", [1], ["BTC-USD"], ["BTC-USD"]),
        ("symbol", [1, 1], ["BTC-USD"], ["BTC-USD"]),
        ("symbol", [1, 1], [["BTC-USD"]], ["BTC-USD"]),
        ("symbol", [1], [b"BTC-USD"], ["BTC-USD"]),
        ("symbol", [1], _raw_text(b"BTC-USD"), ["BTC-USD"]),
        ("horizon", [1], [6], [6]),
        ("horizon", [1], [6.0], [6]),
        ("horizon", [1], struct.pack("<q", -6), [-6]),
        ("quantile_levels", [2], [0.05, 1], [0.05, 1.0]),
        ("quantile_levels", [2, 1], [[0.05], [0.95]], [0.05, 0.95]),
        ("quantile_levels", [2], struct.pack("<2d", 0.05, 0.95), [0.05, 0.95]),
    ],
)
def test_read_values_takes_what_clients_send(
    name: str, shape: list[int], content: Any, values: list[Any]
) -> None:
    assert _read(name, shape, content) == values


@pytest.mark.parametrize(
    ("name", "shape", "content", "message"),
    [
        ("symbol", [2], ["BTC-USD", "ETH-USD"], "one request asks for one forecast"),
        ("symbol", [1], [], "holds 0 elements"),
        ("symbol", [2], ["BTC-USD"], r"shape is \[2\]"),
        ("symbol", [], ["BTC-USD"], r"shape is \[\]"),
        ("symbol", [-1], ["BTC-USD"], r"shape is \[-1\]"),
        ("symbol", [1, 1, 1], ["BTC-USD"], r"shape is \[1, 1, 1\]"),
        ("quantile_levels", [10**18], [0.5], "shape is"),
        ("quantile_levels", [10**18] * 1000, [0.5], "shape is"),
        ("quantile_levels", [3], [0.05, 0.95], "holds 2 elements, its shape is"),
        ("quantile_levels", [1, 2], [0.05, 0.95], "holds 2 elements, its shape is"),
        ("quantile_levels", [2], [[0.05], [0.95]], "holds"),
        ("quantile_levels", [2, 1], [[0.05, 0.5], [0.95]], "holds"),
        ("quantile_levels", [1], ["0.05"], "holds '0.05'"),
        ("quantile_levels", [1], [True], "holds True"),
        ("quantile_levels", [1], [None], "holds None"),
        ("quantile_levels", [1], [10**400], "holds 1000"),
        ("horizon", [1], [6.5], "holds 6.5"),
        ("horizon", [1], [float("inf")], "holds inf"),
        ("horizon", [1], [True], "holds True"),
        ("horizon", [1], ["6"], "holds '6'"),
        ("horizon", [1], [2**63], "holds 9223372036854775808"),
        ("horizon", [1], [10**5000], "thousands of digits"),
        ("horizon", [1], b"\1\0\0", "3 raw bytes"),
        ("horizon", [1], struct.pack("<2q", 6, 6), "holds 2 elements"),
        ("symbol", [1], [6], "holds 6"),
        ("symbol", [1], [b"\xff\xfe"], "holds b'"),
        ("symbol", [1], _raw_text(b"\xff"), "holds b'"),
        ("symbol", [1], b"\7\0\0\0BTC", "end inside an element"),
        ("symbol", [1], b"\7\0", "end inside an element"),
        ("symbol", [1], b"\xff\xff\xff\xffBTC-USD", "end inside an element"),
        ("symbol", [1], _raw_text(b"BTC-USD", b"ETH-USD"), "holds 2 elements"),
    ],
)
def test_read_values_refuses_and_names_the_tensor(
    name: str, shape: list[int], content: Any, message: str
) -> None:
    with pytest.raises(InvalidParameter, match=message) as refused:
        _read(name, shape, content)
    assert refused.value.field == name
    assert refused.value.allowed
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("datatype", ["FP32", "INT32", "BYTES", "", "int64", "X" * 1000])
def test_read_values_refuses_another_datatype(datatype: str) -> None:
    with pytest.raises(InvalidParameter, match="datatype") as refused:
        _read("horizon", [1], [6], datatype)
    assert (refused.value.field, refused.value.allowed) == ("horizon", "INT64")
    assert len(str(refused.value)) < 100


def test_pack_is_little_endian_and_keeps_every_bit() -> None:
    assert pack("INT64", [1, -1]) == b"\1" + b"\0" * 7 + b"\xff" * 8
    assert struct.unpack("<2d", pack("FP64", [0.1, 1e-300])) == (0.1, 1e-300)
