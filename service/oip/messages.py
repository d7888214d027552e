"""Bodies of the protocol over HTTP. Requests are checked by them; answers only described."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.messages import whole
from service.oip import signature

Whole = Annotated[int, BeforeValidator(whole)]
MAX_DIMENSIONS = 8
"""More than any tensor of ours has. Lists are bounded, and left at their first wrong element, so
that the longest wrong body costs no more than a long right one."""
MAX_INPUTS, MAX_OUTPUTS = len(signature.INPUTS), len(signature.OUTPUTS)
Datatype = Literal["BYTES", "INT64", "FP64"]
Parameters = Annotated[dict[str, Any], Field(description="Strings, numbers and booleans by name.")]


class Incoming(BaseModel):
    """A part of a request. No type is bent, no unknown field passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Outgoing(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class InputTensor(Incoming):
    """An input tensor, row-major."""

    name: str
    shape: Annotated[list[Whole], Field(max_length=MAX_DIMENSIONS, fail_fast=True)]
    datatype: str
    parameters: Parameters | None = None
    """`binary_data_size`: bytes of this tensor behind the JSON, instead of `data`."""
    data: list[Any] | None = None
    """The elements, flat or nested."""


class RequestedOutput(Incoming):
    """An output that is wanted."""

    name: str
    parameters: Parameters | None = None
    """`binary_data`: true to have this tensor behind the JSON."""


Outputs = Annotated[list[RequestedOutput], Field(max_length=MAX_OUTPUTS, fail_fast=True)]


class InferenceRequest(Incoming):
    """Body of an inference."""

    id: str | None = None
    """Echoed in the answer."""
    parameters: Parameters | None = None
    """`binary_data_output`: true to have all outputs behind the JSON."""
    inputs: Annotated[list[InputTensor], Field(max_length=MAX_INPUTS, fail_fast=True)]
    outputs: Outputs | None = None
    """Outputs wanted; all when there is none."""


class OutputTensor(Outgoing):
    """An output tensor, row-major."""

    name: str
    datatype: Datatype
    shape: list[int]
    data: list[int | float]


class AnswerParameters(Outgoing):
    """What the forecast stands on."""

    symbol: str
    interval: str
    cutoff: str
    """Last instant known to the model, RFC 3339."""
    model_version: str
    trained_at: str | None = None
    promoted_at: str | None = None
    source: str
    """Exchange and its pair that the newest candle came from."""
    simulated: bool
    """True when candles or clock are replayed and not of today."""
    data_age_seconds: float
    """Time from the cutoff to this answer, seconds."""
    degraded: str
    """What is wrong with this answer; empty when nothing is."""


class InferenceResponse(Outgoing):
    """Answer to an inference."""

    model_name: Literal["tidecast"]
    model_version: str
    id: str | None = None
    parameters: AnswerParameters
    outputs: list[OutputTensor]


class InferenceError(Outgoing):
    """The shape of every error below /v2: the protocol wants a string in `error`."""

    error: str
    """One sentence for people."""
    code: str
    """One word for programs."""
    field: str | None = None
    """The tensor or field at fault."""
    allowed: str | list[str] | None = None
    """What it may be."""
    correlation_id: str | None = None
    """Under an unexpected error: what to look for in the log."""


class ServerMetadata(Outgoing):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(Outgoing):
    """Whether the process answers."""

    live: bool


class ServerReady(Outgoing):
    """Whether at least one market has a forecast."""

    ready: bool
    live: bool


class ModelReady(Outgoing):
    """Whether the model serves."""

    name: str
    ready: bool


class TensorMetadata(Outgoing):
    """A tensor of the model; -1 is a length that varies."""

    name: str
    datatype: Datatype
    shape: list[int]


class ModelMetadata(Outgoing):
    """What the model takes and gives."""

    name: str
    versions: list[str]
    """Versions that serve now, in any market."""
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def model_metadata(versions: list[str]) -> ModelMetadata:
    """The description of our model."""
    return ModelMetadata(
        name=signature.MODEL,
        versions=versions,
        platform=signature.PLATFORM,
        inputs=[_tensor(spec) for spec in signature.INPUTS.values()],
        outputs=[_tensor(spec) for spec in signature.OUTPUTS.values()],
    )


def _tensor(spec: signature.TensorSpec) -> TensorMetadata:
    return TensorMetadata.model_validate(
        {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
    )
