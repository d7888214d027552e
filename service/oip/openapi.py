"""The protocol's part of the OpenAPI document."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.oip import examples, messages
from service.oip.signature import ANY, INPUTS, MODEL, OUTPUTS, TensorSpec

JsonObject = dict[str, Any]
ANSWERS: tuple[type[BaseModel], ...] = (
    messages.InferenceResponse,
    messages.InferenceError,
    messages.ServerMetadata,
    messages.ServerLive,
    messages.ServerReady,
    messages.ModelReady,
    messages.ModelMetadata,
)
GUARDED = (401, 429)
DESCRIPTIONS = {
    400: "A tensor or field is wrong; `field` and `allowed` say which.",
    401: "An API key is asked for, and none that is known was given.",
    404: "No such model, version that serves, or market.",
    413: "The body is too large.",
    415: "The body is neither JSON nor binary tensors, or is encoded in another way than gzip.",
    429: "Too many requests, of all or of this key; `Retry-After` says when.",
    503: "Nothing can be answered now; `error` says why.",
}
INFER = """A forecast, asked for and answered in tensors: each name once, `shape` as many as `data`.

`quantiles` has a row for each of `timestamps`, a column for each of `quantile_levels`. The binary
tensor extension is spoken in both directions: a body of `application/octet-stream` begins with
`Inference-Header-Content-Length` bytes of JSON."""
_ELEMENTS = {"BYTES": "string", "INT64": "integer", "FP64": "number"}


def inference_paths() -> JsonObject:
    """All paths below /v2."""
    model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    not_ready = _answer("No market has a forecast.", messages.ServerReady, examples.NOT_READY)
    paths: JsonObject = {
        "/v2": {"get": _get("serverMetadata", "What this server is", _server(), GUARDED)},
        "/v2/health/live": {
            "get": _get("serverLive", "Whether the process answers", _live(), open_to_all=True)
        },
        "/v2/health/ready": {
            "get": _get(
                "serverReady",
                "Whether at least one market has a forecast",
                _answer("One has.", messages.ServerReady, examples.READY),
                more={"503": not_ready},
                open_to_all=True,
            )
        },
    }
    for path, of_version, parameters in (
        (model, "", [_MODEL]),
        (version, "OfVersion", [_MODEL, _VERSION]),
    ):
        paths[path] = {"get": {**_metadata(of_version), "parameters": parameters}}
        paths[f"{path}/ready"] = {"get": {**_model_ready(of_version), "parameters": parameters}}
        paths[f"{path}/infer"] = {"post": {**_infer(of_version), "parameters": parameters}}
    return paths


def inference_schemas() -> JsonObject:
    """The schemas that these paths use; inputs are spelt out tensor by tensor."""
    template = "#/components/schemas/{model}"
    _, answers = models_json_schema(
        [(model, "serialization") for model in ANSWERS], ref_template=template
    )
    request = messages.InferenceRequest.model_json_schema(ref_template=template)
    schemas: JsonObject = {**answers["$defs"], **request.pop("$defs"), "InferenceRequest": request}
    tensor = schemas.pop("InputTensor")
    inputs = {f"{_camel(spec.name)}Input": _input(tensor, spec) for spec in INPUTS.values()}
    request["properties"]["inputs"]["items"] = {
        "anyOf": [{"$ref": template.format(model=name)} for name in inputs]
    }
    request["properties"]["parameters"] = _parameters("binary_data_output", {"type": "boolean"})
    wanted = schemas["RequestedOutput"]["properties"]
    wanted["name"]["enum"] = list(OUTPUTS)
    wanted["parameters"] = _parameters("binary_data", {"type": "boolean"})
    return {**schemas, **inputs}


def _input(tensor: JsonObject, spec: TensorSpec) -> JsonObject:
    """The schema of one input; a row of [n, 1] may be nested."""
    element = {"type": _ELEMENTS[spec.datatype]}
    nested = {"type": "array", "items": element, "minItems": 1, "maxItems": 1}
    shape: JsonObject = {"type": "array", "items": {"type": "integer"}}
    data: JsonObject = {"type": ["array", "null"], "items": {"anyOf": [element, nested]}}
    if spec.shape != (ANY,):
        shape = {"enum": [[1], [1, 1]]}
        data |= {"minItems": 1, "maxItems": 1}
    properties = {
        **tensor["properties"],
        "name": {"const": spec.name},
        "datatype": {"const": spec.datatype},
        "shape": shape,
        "data": data,
        "parameters": _parameters("binary_data_size", {"type": "integer", "minimum": 0}),
    }
    title = f"{_camel(spec.name)}Input"
    return {**tensor, "title": title, "properties": properties}


def _parameters(name: str, schema: JsonObject) -> JsonObject:
    """Parameters of which one is ours; a client may send any others."""
    return {"type": ["object", "null"], "properties": {name: schema}}


def _camel(name: str) -> str:
    return name.title().replace("_", "")


def _get(
    operation: str,
    summary: str,
    answer: JsonObject,
    errors: tuple[int, ...] = (),
    more: JsonObject | None = None,
    open_to_all: bool = False,
) -> JsonObject:
    found: JsonObject = {"security": []} if open_to_all else {}
    responses = {"200": answer, **(more or {}), **_errors(errors)}
    return {**found, "operationId": operation, "summary": summary, "responses": responses}


def _server() -> JsonObject:
    return _answer("OK", messages.ServerMetadata, examples.SERVER)


def _live() -> JsonObject:
    return _answer("It does.", messages.ServerLive, examples.LIVE)


def _metadata(of_version: str) -> JsonObject:
    example = messages.model_metadata(["7"]).model_dump()
    answer = _answer("OK", messages.ModelMetadata, example)
    summary = "What the model takes and gives"
    return _get(f"modelMetadata{of_version}", summary, answer, (*GUARDED, 404))


def _model_ready(of_version: str) -> JsonObject:
    ready = _answer("It does.", messages.ModelReady, examples.MODEL_READY)
    not_ready = _answer("No market has a forecast.", messages.ModelReady, examples.MODEL_NOT_READY)
    summary = "Whether the model serves"
    errors = (*GUARDED, 404)
    return _get(f"modelReady{of_version}", summary, ready, errors, more={"503": not_ready})


def _infer(of_version: str) -> JsonObject:
    answer = _answer("OK", messages.InferenceResponse, examples.RESPONSE)
    answer["content"]["application/octet-stream"] = {
        "schema": {"type": "string", "format": "binary"}
    }
    body = {"application/json": _content(messages.InferenceRequest, examples.REQUEST)}
    return {
        "operationId": f"modelInfer{of_version}",
        "summary": "A forecast as tensors",
        "description": INFER,
        "requestBody": {"required": True, "content": body},
        "responses": {"200": answer, **_errors(tuple(DESCRIPTIONS))},
    }


def _answer(description: str, model: type[BaseModel], example: JsonObject) -> JsonObject:
    return {
        "description": description,
        "content": {"application/json": _content(model, example)},
    }


def _content(model: type[BaseModel], example: JsonObject) -> JsonObject:
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "example": example}


def _errors(statuses: tuple[int, ...]) -> JsonObject:
    shape = messages.InferenceError
    responses = {
        str(status): _answer(DESCRIPTIONS[status], shape, examples.ERRORS[status])
        for status in sorted(statuses)
    }
    unexpected = "An unexpected error; the log has it under `correlation_id`."
    return {**responses, "default": _answer(unexpected, shape, examples.UNEXPECTED)}


_MODEL: JsonObject = {
    "name": "model",
    "in": "path",
    "required": True,
    "description": "Name of the model.",
    "schema": {"type": "string", "enum": [MODEL]},
    "example": MODEL,
}
_VERSION: JsonObject = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "A version that serves the market.",
    "schema": {"type": "string", "minLength": 1},
    "example": "7",
}
