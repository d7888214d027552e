"""``inference.GRPCInferenceService``: the Open Inference Protocol v2 over the data plane."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.dataplane import Answer, DataPlane
from service.oip.inference import Inference
from service.oip.outputs import (
    Output,
    degraded_text,
    lasting_parameters,
    outputs_of,
    wanted_outputs,
)
from service.oip.prepared import Prepared
from service.oip.signature import EXTENSIONS, INPUTS, MODEL, OUTPUTS, PLATFORM, TensorSpec
from service.oip.tensors import Tensor, pack
from service.proto import inference_pb2 as pb
from service.rpc.methods import Method, Service
from tidecast import __version__
from tidecast.errors import InvalidParameter

NAME = "inference.GRPCInferenceService"
CONTENTS = {"BYTES": "bytes_contents", "INT64": "int64_contents", "FP64": "fp64_contents"}
"""Where typed contents of a datatype stand."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of an answer's form the caller chose: outputs by name, and whether as raw bytes."""

    outputs: tuple[str, ...]
    raw: bool


class InferenceService:
    """The methods; each answers with the bytes of its response."""

    def __init__(self, plane: DataPlane) -> None:
        self._inference = Inference(plane)
        self._prepared: Prepared[Asked, bytes] = Prepared(_render)

    def methods(self) -> Mapping[str, Method]:
        """All methods by their name."""
        parse: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes], bool]] = {
            "ServerLive": (pb.ServerLiveRequest.FromString, self.live, True),
            "ServerReady": (pb.ServerReadyRequest.FromString, self.ready, True),
            "ModelReady": (pb.ModelReadyRequest.FromString, self.model_ready, False),
            "ServerMetadata": (pb.ServerMetadataRequest.FromString, self.server, False),
            "ModelMetadata": (pb.ModelMetadataRequest.FromString, self.model, False),
            "ModelInfer": (pb.ModelInferRequest.FromString, self.infer, False),
        }
        return {name: Method(*each[:2], exempt=each[2]) for name, each in parse.items()}

    def live(self, request: pb.ServerLiveRequest) -> bytes:
        """The process answers."""
        return pb.ServerLiveResponse(live=True).SerializeToString()

    def ready(self, request: pb.ServerReadyRequest) -> bytes:
        """Whether a market can be served."""
        return pb.ServerReadyResponse(ready=self._inference.ready()).SerializeToString()

    def model_ready(self, request: pb.ModelReadyRequest) -> bytes:
        """Whether the model, or one version of it, serves."""
        self._inference.check_model(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._inference.ready()).SerializeToString()

    def server(self, request: pb.ServerMetadataRequest) -> bytes:
        """What this server is."""
        return pb.ServerMetadataResponse(
            name=MODEL, version=__version__, extensions=EXTENSIONS
        ).SerializeToString()

    def model(self, request: pb.ModelMetadataRequest) -> bytes:
        """What the model takes and gives."""
        self._inference.check_model(request.name, request.version)
        return pb.ModelMetadataResponse(
            name=MODEL,
            versions=self._inference.versions(),
            platform=PLATFORM,
            inputs=map(_metadata, INPUTS.values()),
            outputs=map(_metadata, OUTPUTS.values()),
        ).SerializeToString()

    def infer(self, request: pb.ModelInferRequest) -> bytes:
        """Tensors in, tensors out; raw in, raw out."""
        raw = bool(request.raw_input_contents)
        tensors = _raw_tensors(request) if raw else map(_typed_tensor, request.inputs)
        names = wanted_outputs([output.name for output in request.outputs])
        answer = self._inference.infer(request.model_name, request.model_version, tensors)
        return self._prepared.parts(answer, Asked(names, raw)) + _passing(answer, request.id)


def inference_service(plane: DataPlane) -> Service:
    """The service."""
    return Service(NAME, InferenceService(plane).methods())


def _metadata(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=spec.datatype, shape=spec.shape
    )


def _raw_tensors(request: pb.ModelInferRequest) -> list[Tensor]:
    """The raw contents; typed ones beside them may only be empty, as MLServer's client sends."""
    inputs, contents = request.inputs, request.raw_input_contents
    if len(inputs) != len(contents):
        raise InvalidParameter(
            f"{len(inputs)} inputs, {len(contents)} raw contents",
            field="raw_input_contents",
            allowed="one for each input",
        )
    for given in inputs:
        if given.HasField("contents") and given.contents.ListFields():
            raise InvalidParameter(
                f"input {given.name[:40]!r} has contents beside raw_input_contents",
                field=given.name[:40],
                allowed="either contents or raw_input_contents",
            )
    return [
        Tensor(given.name, given.datatype, given.shape, raw)
        for given, raw in zip(inputs, contents, strict=True)
    ]


def _typed_tensor(given: pb.ModelInferRequest.InferInputTensor) -> Tensor:
    """The contents where the datatype says; elsewhere there must be none."""
    wanted = CONTENTS.get(given.datatype)
    filled = given.contents.ListFields()
    for field, _ in filled:
        if wanted is not None and field.name != wanted:
            raise InvalidParameter(
                f"input {given.name[:40]!r} has {field.name}", field=given.name[:40], allowed=wanted
            )
    return Tensor(given.name, given.datatype, given.shape, filled[0][1] if filled else ())


def _render(answer: Answer, asked: Asked) -> bytes:
    """The response without what changes from call to call."""
    tensors = outputs_of(answer, asked.outputs)
    response = pb.ModelInferResponse(
        model_name=MODEL,
        model_version=answer.snapshot.forecast.model_version,
        outputs=[_output(tensor, asked.raw) for tensor in tensors],
        raw_output_contents=[pack(t.datatype, t.values) for t in tensors] if asked.raw else (),
    )
    for name, value in lasting_parameters(answer.snapshot).items():
        if isinstance(value, bool):
            response.parameters[name].bool_param = value
        else:
            response.parameters[name].string_param = value
    return response.SerializeToString()


def _output(tensor: Output, raw: bool) -> pb.ModelInferResponse.InferOutputTensor:
    output = pb.ModelInferResponse.InferOutputTensor(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
    )
    if not raw:
        getattr(output.contents, CONTENTS[tensor.datatype]).extend(tensor.values)
    return output


def _passing(answer: Answer, request_id: str) -> bytes:
    """The rest of the response; serialised messages behind each other are one message."""
    rest = pb.ModelInferResponse(id=request_id)
    rest.parameters["data_age_seconds"].double_param = answer.data_age_seconds
    rest.parameters["degraded"].string_param = degraded_text(answer)
    return rest.SerializeToString()
