"""Triton's gRPC client: it always sends raw contents and wants raw contents back."""

from typing import Any

import tritonclient.grpc as triton
from checks import MODEL, RPC, expected, refused, run, same, served
from triton_inputs import BTC, EVERYTHING, LEVELS, NO_FORECAST, UNKNOWN_MARKET, WRONG
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(RPC)
OUTPUTS = ("timestamps", "mean", "quantiles", "quantile_levels")


def _inputs(tensors: list[Any]) -> list[triton.InferInput]:
    made = []
    for name, datatype, values in tensors:
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        made.append(tensor)
    return made


def _infer(tensors: list[Any], **more: Any) -> triton.InferResult:
    return client.infer(MODEL, _inputs(tensors), client_timeout=60, **more)


def _arrays(result: triton.InferResult, names: tuple[str, ...] = OUTPUTS) -> dict[str, Any]:
    return {name: result.as_numpy(name) for name in names}


def _refused(tensors: list[Any], status: str, **more: Any) -> str:
    error = refused(lambda: _infer(tensors, **more), InferenceServerException)
    assert error.status() == f"StatusCode.{status}", (error.status(), error.message())
    return str(error.message())


def check_server_is_live_ready_and_described() -> None:
    assert client.is_server_live() and client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata.name == MODEL and "binary_tensor_data" in metadata.extensions


def check_model_is_ready_and_described() -> None:
    version = served()["model_version"]
    assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, version)
    metadata = client.get_model_metadata(MODEL)
    assert version in metadata.versions
    assert [tensor.name for tensor in metadata.outputs] == list(OUTPUTS)


def check_raw_in_and_raw_out() -> None:
    result = _infer([BTC])
    assert len(result.get_response().raw_output_contents) == len(OUTPUTS)
    same(_arrays(result), expected())


def check_every_input() -> None:
    levels = ",".join(map(str, LEVELS))
    same(_arrays(_infer(EVERYTHING)), expected(horizon=6, levels=levels))


def check_only_the_outputs_asked() -> None:
    names = ("quantiles", "mean")
    result = _infer([BTC], outputs=[triton.InferRequestedOutput(name) for name in names])
    assert [output.name for output in result.get_response().outputs] == list(names)
    wanted = expected()
    same(_arrays(result, names), {name: wanted[name] for name in names})


def check_id_is_echoed_and_parameters_tell_the_model() -> None:
    answer = _infer([BTC], request_id="a-7", parameters={"mine": "yes"}).get_response()
    forecast = served()
    assert (answer.id, answer.model_name) == ("a-7", MODEL)
    for name in ("symbol", "interval", "cutoff", "model_version", "source"):
        assert answer.parameters[name].string_param == forecast[name], name
    assert answer.parameters["simulated"].bool_param == forecast["simulated"]


def check_version_that_serves_answers() -> None:
    version = served()["model_version"]
    assert _infer([BTC], model_version=version).get_response().model_version == version


def check_version_that_does_not_serve_is_not_found() -> None:
    assert "version" in _refused([BTC], "NOT_FOUND", model_version="3")


def check_unknown_model_is_not_found() -> None:
    error = refused(lambda: client.infer("iris", _inputs([BTC])), InferenceServerException)
    assert error.status() == "StatusCode.NOT_FOUND" and "iris" in error.message()


def check_wrong_inputs_are_refused() -> None:
    for what, (tensors, word) in WRONG.items():
        message = _refused(tensors, "INVALID_ARGUMENT")
        assert word in message, (what, message)


def check_unknown_output_is_refused() -> None:
    outputs = [triton.InferRequestedOutput("median")]
    assert "median" in _refused([BTC], "INVALID_ARGUMENT", outputs=outputs)


def check_shape_that_the_data_have_not_is_refused() -> None:
    tensor = triton.InferInput("quantile_levels", [1], "FP64")
    tensor.set_data_from_numpy(EVERYTHING[0][2][:1])
    for shape in ([2], [-1], [10**18], [1, 1, 1]):
        tensor.set_shape(shape)
        inputs = [*_inputs([BTC]), tensor]
        error = refused(lambda inputs=inputs: client.infer(MODEL, inputs), InferenceServerException)
        assert error.status() == "StatusCode.INVALID_ARGUMENT", error
        assert "shape" in error.message(), error


def check_unknown_market_and_missing_forecast_are_told_apart() -> None:
    assert "DOGE-USD" in _refused(UNKNOWN_MARKET, "NOT_FOUND")
    assert "SOL-USD" in _refused(NO_FORECAST, "UNAVAILABLE")


run(globals())
