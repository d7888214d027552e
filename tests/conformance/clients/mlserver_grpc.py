"""MLServer's stubs and converters over gRPC, with typed and with raw contents."""

from copy import deepcopy
from typing import Any

import grpc
import mlserver.grpc.dataplane_pb2 as pb
import numpy as np
from checks import MODEL, RPC, SYMBOL, expected, refused, run, same, served
from mlserver import types
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

stub = GRPCInferenceServiceStub(grpc.insecure_channel(RPC))
BTC = StringCodec.encode_input("symbol", [SYMBOL])
HORIZON = NumpyCodec.encode_input("horizon", np.array([6]))
LEVELS = NumpyCodec.encode_input("quantile_levels", np.array([0.1, 0.5, 0.9]))


def _request(*inputs: types.RequestInput, raw: bool = False, **more: Any) -> pb.ModelInferRequest:
    """The converter takes the data out of inputs that it makes raw, so it gets copies."""
    request = types.InferenceRequest(inputs=deepcopy(list(inputs)), **more)
    return ModelInferRequestConverter.from_types(request, MODEL, use_raw=raw)


def _arrays(response: pb.ModelInferResponse) -> dict[str, Any]:
    answer = ModelInferResponseConverter.to_types(response)
    return {output.name: NumpyCodec.decode_output(output) for output in answer.outputs}


def _refused(request: pb.ModelInferRequest, code: grpc.StatusCode) -> str:
    error = refused(lambda: stub.ModelInfer(request, timeout=60), grpc.RpcError)
    assert error.code() == code, error
    assert "grpc-status-details-bin" in dict(error.trailing_metadata())
    return str(error.details())


def check_server_is_live_ready_and_described() -> None:
    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    assert stub.ServerMetadata(pb.ServerMetadataRequest()).name == MODEL


def check_model_is_ready_and_described() -> None:
    version = served()["model_version"]
    for asked in ("", version):
        assert stub.ModelReady(pb.ModelReadyRequest(name=MODEL, version=asked)).ready
        metadata = stub.ModelMetadata(pb.ModelMetadataRequest(name=MODEL, version=asked))
        assert version in metadata.versions
        assert metadata.inputs[0].name == "symbol"


def check_typed_contents() -> None:
    response = stub.ModelInfer(_request(BTC))
    assert not response.raw_output_contents
    same(_arrays(response), expected())


def check_raw_contents() -> None:
    response = stub.ModelInfer(_request(BTC, raw=True))
    assert len(response.raw_output_contents) == len(response.outputs)
    same(_arrays(response), expected())


def check_every_input_typed_and_raw() -> None:
    wanted = expected(horizon=6, levels="0.1,0.5,0.9")
    for raw in (False, True):
        same(_arrays(stub.ModelInfer(_request(BTC, HORIZON, LEVELS, raw=raw))), wanted)


def check_id_is_echoed() -> None:
    assert stub.ModelInfer(_request(BTC, id="a-7")).id == "a-7"


def check_versions() -> None:
    request = _request(BTC)
    request.model_version = served()["model_version"]
    same(_arrays(stub.ModelInfer(request)), expected())
    request.model_version = "3"
    assert "version" in _refused(request, grpc.StatusCode.NOT_FOUND)


def check_errors() -> None:
    bad = grpc.StatusCode.INVALID_ARGUMENT
    assert "symbol" in _refused(_request(HORIZON), bad)
    assert "twice" in _refused(_request(BTC, BTC), bad)
    both = _request(BTC)
    both.raw_input_contents.append(b"\x07\0\0\0BTC-USD")
    assert "raw_input_contents" in _refused(both, bad)
    short = _request(BTC, raw=True)
    short.raw_input_contents[0] = b"\x07\0\0\0BTC"
    assert "symbol" in _refused(short, bad)
    unknown = _request(StringCodec.encode_input("symbol", ["DOGE-USD"]))
    assert "DOGE-USD" in _refused(unknown, grpc.StatusCode.NOT_FOUND)


run(globals())
