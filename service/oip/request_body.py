"""Body of an inference over HTTP: JSON, and behind it the tensors of the binary extension."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from service.oip.messages import InferenceRequest, InputTensor
from service.oip.outputs import wanted_outputs
from service.oip.rendering import Wanted
from service.oip.signature import OUTPUTS
from service.oip.tensors import Tensor
from tidecast.errors import InvalidParameter

HEADER_LENGTH = "Inference-Header-Content-Length"
ALL_AS_JSON: Wanted = tuple((name, False) for name in OUTPUTS)
_ALLOWED = {
    "id": "text",
    "parameters": "an object",
    "inputs": "tensors with name, shape, datatype and data",
    "outputs": "objects with a name, and parameters if needed",
}
_MAX_DIGITS = 9


def parse(body: bytes, header_length: str | None) -> tuple[InferenceRequest, list[Tensor]]:
    """The request and its input tensors.

    Args:
        body: the whole body.
        header_length: value of the header that tells how many bytes of it are JSON.

    Raises:
        InvalidParameter: it is not what the protocol says.
    """
    length = len(body) if header_length is None else _length(header_length, len(body))
    try:
        request = InferenceRequest.model_validate_json(body[:length])
    except ValidationError as error:
        raise _invalid(error) from None
    binary = body[length:]
    tensors = []
    for given in request.inputs:
        tensor, binary = _tensor(given, binary)
        tensors.append(tensor)
    if binary:
        raise InvalidParameter(
            f"{len(binary)} bytes are left behind the last binary tensor",
            field="body",
            allowed="as many bytes as the sum of binary_data_size",
        )
    return request, tensors


def wanted(request: InferenceRequest) -> Wanted:
    """Which outputs, and which of them binary.

    Raises:
        InvalidParameter: an output is unknown or stands there twice, or a parameter is no boolean.
    """
    every = _flag(request.parameters, "binary_data_output", False)
    if not request.outputs:
        return tuple((name, True) for name in OUTPUTS) if every else ALL_AS_JSON
    wanted_outputs([output.name for output in request.outputs])
    return tuple(
        (output.name, _flag(output.parameters, "binary_data", every)) for output in request.outputs
    )


def _length(text: str, most: int) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not digits or int(text) > most:
        raise InvalidParameter(
            f"{HEADER_LENGTH} is {text[:40]!r}", field=HEADER_LENGTH, allowed=f"0..{most}"
        )
    return int(text)


def _tensor(given: InputTensor, binary: bytes) -> tuple[Tensor, bytes]:
    """The tensor, and what is left of the bytes behind the JSON."""
    size = (given.parameters or {}).get("binary_data_size")
    if size is None:
        if given.data is None:
            raise _data_fault(given, "has no data", "data, or the parameter binary_data_size")
        return Tensor(given.name, given.datatype, given.shape, given.data), binary
    if given.data is not None:
        raise _data_fault(given, "has data twice", "either data or binary_data_size")
    if type(size) is not int or not 0 <= size <= len(binary):
        raise _data_fault(
            given, "has a binary_data_size that the body has not", f"0..{len(binary)} bytes"
        )
    return Tensor(given.name, given.datatype, given.shape, binary[:size]), binary[size:]


def _data_fault(given: InputTensor, found: str, allowed: str) -> InvalidParameter:
    name = given.name[:40]
    return InvalidParameter(f"input {name!r} {found}", field=name, allowed=allowed)


def _flag(parameters: Mapping[str, Any] | None, name: str, default: bool) -> bool:
    value = default if parameters is None else parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidParameter(f"{name} is no boolean", field=name, allowed=["true", "false"])
    return value


def _invalid(error: ValidationError) -> InvalidParameter:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = [str(part)[:40] for part in first["loc"]]
    field = ".".join(place) or "body"
    top = place[0] if place else ""
    allowed = _ALLOWED.get(top, f"a JSON object with {', '.join(_ALLOWED)}")
    return InvalidParameter(f"{field}: {first['msg']}", field=field, allowed=allowed)
