"""MLServer's types and codecs over HTTP. Its codecs make [n, 1] of a list of n."""

from typing import Any

import httpx
import numpy as np
from checks import MODEL, SYMBOL, URL, expected, run, same, served
from mlserver import types
from mlserver.codecs import NumpyCodec, StringCodec

client = httpx.Client(base_url=URL, timeout=60.0, trust_env=False)
INFER = f"/v2/models/{MODEL}/infer"
BTC = StringCodec.encode_input("symbol", [SYMBOL], use_bytes=False)
HORIZON = NumpyCodec.encode_input("horizon", np.array([6]))
LEVELS = NumpyCodec.encode_input("quantile_levels", np.array([0.1, 0.5, 0.9]))


def _post(*inputs: types.RequestInput, path: str = INFER, **more: Any) -> httpx.Response:
    request = types.InferenceRequest(inputs=list(inputs), **more)
    return client.post(path, json=request.model_dump())


def _arrays(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer = types.InferenceResponse.model_validate(response.json())
    return {output.name: NumpyCodec.decode_output(output) for output in answer.outputs}


def _refused(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    error = types.InferenceErrorResponse.model_validate(response.json()).error
    assert isinstance(error, str) and error
    return error


def check_server_is_live_ready_and_described() -> None:
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 200
    metadata = types.MetadataServerResponse.model_validate(client.get("/v2").json())
    assert metadata.name == MODEL


def check_model_is_ready_and_described() -> None:
    version = served()["model_version"]
    for path in (f"/v2/models/{MODEL}", f"/v2/models/{MODEL}/versions/{version}"):
        assert client.get(f"{path}/ready").status_code == 200
        metadata = types.MetadataModelResponse.model_validate(client.get(path).json())
        assert version in metadata.versions
        assert [tensor.name for tensor in metadata.inputs][0] == "symbol"


def check_infer() -> None:
    same(_arrays(_post(BTC)), expected())


def check_every_input_with_the_shapes_of_the_codecs() -> None:
    assert LEVELS.shape == [3, 1] and HORIZON.shape == [1, 1]
    same(_arrays(_post(BTC, HORIZON, LEVELS)), expected(horizon=6, levels="0.1,0.5,0.9"))


def check_nested_data() -> None:
    nested = types.RequestInput(
        name="symbol", shape=[1, 1], datatype="BYTES", data=types.TensorData([[SYMBOL]])
    )
    same(_arrays(_post(nested)), expected())


def check_id_is_echoed() -> None:
    answer = types.InferenceResponse.model_validate(_post(BTC, id="a-7").json())
    assert (answer.id, answer.model_version) == ("a-7", served()["model_version"])


def check_outputs_asked() -> None:
    found = _arrays(_post(BTC, outputs=[types.RequestOutput(name="mean")]))
    same(found, {"mean": expected()["mean"]})


def check_versions() -> None:
    version = served()["model_version"]
    path = f"/v2/models/{MODEL}/versions"
    same(_arrays(_post(BTC, path=f"{path}/{version}/infer")), expected())
    assert "version" in _refused(_post(BTC, path=f"{path}/3/infer"), 404)


def check_errors_have_a_string() -> None:
    two = StringCodec.encode_input("symbol", [SYMBOL, "ETH-USD"], use_bytes=False)
    assert "symbol" in _refused(_post(two), 400)
    assert "iris" in _refused(_post(BTC, path="/v2/models/iris/infer"), 404)
    assert "horizon" in _refused(_post(BTC, NumpyCodec.encode_input("horizon", np.array([0]))), 400)
    single = NumpyCodec.encode_input("quantile_levels", np.array([0.5], dtype=np.float32))
    assert "FP32" in _refused(_post(BTC, single), 400)
    assert "SOL-USD" in _refused(
        _post(StringCodec.encode_input("symbol", ["SOL-USD"], use_bytes=False)), 503
    )
    assert _refused(client.get("/v2/nothing"), 404)


run(globals())
