"""JSON and binary bodies of inferences, written once per snapshot and question."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.dataplane import Answer
from service.oip.outputs import Output, degraded_text, lasting_parameters, outputs_of
from service.oip.prepared import Prepared
from service.oip.signature import MODEL
from service.oip.tensors import pack

Wanted = tuple[tuple[str, bool], ...]
"""Outputs in their order, each with whether its data go behind the JSON."""


@dataclass(frozen=True, slots=True)
class Body:
    """An answer's body.

    Attributes:
        header_length: bytes of JSON before the binary tensors; None when all is JSON.
    """

    content: bytes
    header_length: int | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    """Head up to where ``id`` may stand, from there to the age, outputs with the closing brace."""

    head: bytes
    before_age: bytes
    outputs: bytes
    binary: bytes


class InferenceRendering:
    """Renders answers for HTTP."""

    def __init__(self) -> None:
        self._prepared: Prepared[Wanted, _Parts] = Prepared(_render)

    def body(self, answer: Answer, wanted: Wanted, request_id: str | None) -> Body:
        """The body of an answer."""
        parts = self._prepared.parts(answer, wanted)
        header = b'%b%b%b%.3f,"degraded":%b},"outputs":%b' % (
            parts.head,
            b"" if request_id is None else b'"id":%b,' % json.dumps(request_id).encode(),
            parts.before_age,
            answer.data_age_seconds,
            json.dumps(degraded_text(answer)).encode() if answer.degraded else b'""',
            parts.outputs,
        )
        if not parts.binary:
            return Body(header)
        return Body(header + parts.binary, len(header))


def _render(answer: Answer, wanted: Wanted) -> _Parts:
    names = [name for name, _ in wanted]
    behind = {name for name, binary in wanted if binary}
    tensors = outputs_of(answer, names)
    blobs = {t.name: pack(t.datatype, t.values) for t in tensors if t.name in behind}
    head = {"model_name": MODEL, "model_version": answer.snapshot.forecast.model_version}
    outputs = [_output(tensor, blobs.get(tensor.name)) for tensor in tensors]
    return _Parts(
        head=_open(head),
        before_age=b'"parameters":%b"data_age_seconds":'
        % _open(lasting_parameters(answer.snapshot)),
        outputs=_dump(outputs) + b"}",
        binary=b"".join(blobs[name] for name in names if name in behind),
    )


def _output(tensor: Output, blob: bytes | None) -> dict[str, Any]:
    described = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    if blob is None:
        return {**described, "data": tensor.values}
    return {**described, "parameters": {"binary_data_size": len(blob)}}


def _open(members: Mapping[str, Any]) -> bytes:
    """A JSON object with room for more members."""
    return _dump(members)[:-1] + b","


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
