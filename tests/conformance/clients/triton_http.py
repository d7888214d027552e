"""Triton's HTTP client: binary tensors by default, JSON when told so."""

from typing import Any

import tritonclient.http as triton
from checks import MODEL, URL, expected, refused, run, same, served
from triton_inputs import BTC, EVERYTHING, LEVELS, NO_FORECAST, UNKNOWN_MARKET, WRONG
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(URL.removeprefix("http://"), network_timeout=60.0)
OUTPUTS = ("timestamps", "mean", "quantiles", "quantile_levels")


def _inputs(tensors: list[Any], binary: bool) -> list[triton.InferInput]:
    made = []
    for name, datatype, values in tensors:
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        made.append(tensor)
    return made


def _infer(tensors: list[Any], binary: bool = True, **more: Any) -> triton.InferResult:
    return client.infer(MODEL, _inputs(tensors, binary), **more)


def _arrays(result: triton.InferResult, names: tuple[str, ...] = OUTPUTS) -> dict[str, Any]:
    return {name: result.as_numpy(name) for name in names}


def _refused(tensors: list[Any], status: str, **more: Any) -> str:
    error = refused(lambda: _infer(tensors, **more), InferenceServerException)
    assert error.status() == status, (error.status(), error.message())
    return str(error.message())


def check_server_is_live_ready_and_described() -> None:
    assert client.is_server_live() and client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata["name"] == MODEL
    assert "binary_tensor_data" in metadata["extensions"]


def check_model_is_ready_and_described() -> None:
    version = served()["model_version"]
    assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, version)
    assert not client.is_model_ready("iris") and not client.is_model_ready(MODEL, "999")
    metadata = client.get_model_metadata(MODEL)
    assert version in metadata["versions"]
    assert [tensor["name"] for tensor in metadata["outputs"]] == list(OUTPUTS)
    assert client.get_model_metadata(MODEL, version)["platform"]


def check_binary_in_and_out_as_the_client_does_unasked() -> None:
    same(_arrays(_infer([BTC])), expected())


def check_json_in_and_binary_out() -> None:
    same(_arrays(_infer([BTC], binary=False)), expected())


def check_json_in_and_out() -> None:
    asked = [triton.InferRequestedOutput(name, binary_data=False) for name in OUTPUTS]
    result = _infer([BTC], binary=False, outputs=asked)
    same(_arrays(result), expected())


def check_every_input_binary_and_json() -> None:
    levels = ",".join(map(str, LEVELS))
    for binary in (True, False):
        same(_arrays(_infer(EVERYTHING, binary)), expected(horizon=6, levels=levels))


def check_only_the_outputs_asked_each_in_its_form() -> None:
    asked = [
        triton.InferRequestedOutput("quantiles", binary_data=True),
        triton.InferRequestedOutput("mean", binary_data=False),
    ]
    result = _infer([BTC], outputs=asked)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["quantiles", "mean"]
    wanted = expected()
    same(
        _arrays(result, ("quantiles", "mean")),
        {name: wanted[name] for name in ("quantiles", "mean")},
    )


def check_id_is_echoed_and_parameters_tell_the_model() -> None:
    answer = _infer([BTC], request_id="a-7", parameters={"mine": "yes"}).get_response()
    forecast = served()
    assert answer["id"] == "a-7"
    assert answer["model_name"] == MODEL
    for name in ("symbol", "interval", "cutoff", "model_version", "source", "simulated"):
        assert answer["parameters"][name] == forecast[name], name


def check_version_that_serves_answers() -> None:
    version = served()["model_version"]
    result = _infer([BTC], model_version=version)
    assert result.get_response()["model_version"] == version


def check_version_that_does_not_serve_is_not_found() -> None:
    message = _refused([BTC], "404", model_version="3")
    assert "version" in message, message


def check_unknown_model_is_not_found() -> None:
    error = refused(lambda: client.infer("iris", _inputs([BTC], True)), InferenceServerException)
    assert error.status() == "404" and "iris" in error.message()


def check_asynchronous_call() -> None:
    same(_arrays(client.async_infer(MODEL, _inputs([BTC], True)).get_result()), expected())


def check_wrong_inputs_are_refused_binary_and_json() -> None:
    for what, (tensors, word) in WRONG.items():
        for binary in (True, False):
            if not binary and what in ("not UTF-8", "NaN level", "infinite level"):
                continue  # JSON cannot hold it, and the client does not send it
            message = _refused(tensors, "400", binary=binary)
            assert word in message, (what, message)


def check_unknown_output_is_refused() -> None:
    assert "median" in _refused([BTC], "400", outputs=[triton.InferRequestedOutput("median")])


def check_shape_that_the_data_have_not_is_refused() -> None:
    tensor = triton.InferInput("quantile_levels", [1], "FP64")
    tensor.set_data_from_numpy(EVERYTHING[0][2][:1])
    for shape in ([2], [-1], [10**18], [1, 1, 1]):
        tensor.set_shape(shape)
        inputs = [*_inputs([BTC], True), tensor]
        error = refused(lambda inputs=inputs: client.infer(MODEL, inputs), InferenceServerException)
        assert error.status() == "400" and "shape" in error.message(), error


def check_unknown_market_and_missing_forecast_are_told_apart() -> None:
    assert "DOGE-USD" in _refused(UNKNOWN_MARKET, "404")
    assert "SOL-USD" in _refused(NO_FORECAST, "503")


run(globals())
