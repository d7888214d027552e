"""Input tensors: from what a transport read to values that are what the signature says."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.oip.signature import ANY, TensorSpec
from tidecast.errors import InvalidParameter

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LENGTH_BYTES = 4
"""Before each element of a raw BYTES tensor: its length, little-endian."""
NUMBER_BYTES = 8
_RAW_CODES = {"INT64": "q", "FP64": "d"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input as it came in.

    Attributes:
        content: the elements, row-major; or the bytes of a raw tensor.
    """

    name: str
    datatype: str
    shape: Sequence[int]
    content: Sequence[Any] | bytes


def read_values(tensor: Tensor, spec: TensorSpec) -> list[Any]:
    """The values of an input: str for BYTES, int for INT64, float for FP64.

    Raises:
        InvalidParameter: datatype, shape or data are not those of the signature.
    """
    if tensor.datatype != spec.datatype:
        raise InvalidParameter(
            f"input {spec.name} has datatype {tensor.datatype[:40]!r}",
            field=spec.name,
            allowed=spec.datatype,
        )
    content = tensor.content
    elements = _unpacked(content, spec) if isinstance(content, bytes) else content
    _check_shape(tensor.shape, len(elements), spec)
    if len(tensor.shape) > 1:
        elements = [_unnested(element) for element in elements]
    convert = _CONVERTERS[spec.datatype]
    return [convert(element, spec) for element in elements]


def pack(datatype: str, values: Sequence[Any]) -> bytes:
    """The raw bytes of an output: little-endian, row-major."""
    return struct.pack(f"<{len(values)}{_RAW_CODES[datatype]}", *values)


def _check_shape(shape: Sequence[int], count: int, spec: TensorSpec) -> None:
    """``[n]`` is the shape; ``[n, 1]`` is what some clients make of a list of n."""
    (length,) = spec.shape
    wanted = count if length == ANY else length
    if count != wanted:
        raise InvalidParameter(
            f"input {spec.name} holds {count} elements; one request asks for one forecast",
            field=spec.name,
            allowed=f"shape [{wanted}]",
        )
    if list(shape) not in ([wanted], [wanted, 1]):
        raise InvalidParameter(
            f"input {spec.name} holds {count} elements, its shape is {_short(list(shape[:4]))}",
            field=spec.name,
            allowed=f"shape [{wanted}] or [{wanted}, 1]",
        )


def _unnested(element: Any) -> Any:
    """The one element of a nested row."""
    return element[0] if isinstance(element, list) and len(element) == 1 else element


def _unpacked(raw: bytes, spec: TensorSpec) -> Sequence[Any]:
    if spec.datatype == "BYTES":
        return _split(raw, spec)
    if len(raw) % NUMBER_BYTES:
        raise _raw_fault(
            spec, f"{len(raw)} raw bytes", f"a multiple of {NUMBER_BYTES}, little-endian"
        )
    return struct.unpack(f"<{len(raw) // NUMBER_BYTES}{_RAW_CODES[spec.datatype]}", raw)


def _split(raw: bytes, spec: TensorSpec) -> list[bytes]:
    elements = []
    start = 0
    while start < len(raw):
        first = start + LENGTH_BYTES
        end = first + int.from_bytes(raw[start:first], "little")
        if end > len(raw) or first > len(raw):
            raise _raw_fault(
                spec,
                f"{len(raw)} raw bytes that end inside an element",
                f"before each element its length in {LENGTH_BYTES} bytes, little-endian",
            )
        elements.append(raw[first:end])
        start = end
    return elements


def _raw_fault(spec: TensorSpec, found: str, allowed: str) -> InvalidParameter:
    return InvalidParameter(f"input {spec.name} has {found}", field=spec.name, allowed=allowed)


def _text(element: Any, spec: TensorSpec) -> str:
    if isinstance(element, str):
        return element
    try:
        return bytes.decode(element, "utf-8")
    except (TypeError, UnicodeDecodeError) as error:
        raise _wrong(element, spec, "text in UTF-8") from error


def _whole(element: Any, spec: TensorSpec) -> int:
    """JSON knows no difference between 24 and 24.0."""
    if type(element) is float and element.is_integer():
        element = int(element)
    if type(element) is not int or not INT64_MIN <= element <= INT64_MAX:
        raise _wrong(element, spec, "whole numbers of 64 bits")
    return element


def _number(element: Any, spec: TensorSpec) -> float:
    if type(element) is float:
        return element
    if type(element) is not int or not INT64_MIN <= element <= INT64_MAX:
        raise _wrong(element, spec, "numbers")
    return float(element)


_CONVERTERS: dict[str, Callable[[Any, TensorSpec], Any]] = {
    "BYTES": _text,
    "INT64": _whole,
    "FP64": _number,
}


def _wrong(element: Any, spec: TensorSpec, allowed: str) -> InvalidParameter:
    return InvalidParameter(
        f"input {spec.name} holds {_short(element)}", field=spec.name, allowed=allowed
    )


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:40]}..."
