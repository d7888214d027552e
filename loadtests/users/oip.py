"""Users of the Open Inference Protocol, over REST and over gRPC."""

from typing import Any

from locust import FastHttpUser, User, task

from loadtests.options import authorization
from loadtests.users.asking import ask, paced
from loadtests.users.grpc_calls import Caller
from service.proto import inference_pb2, inference_pb2_grpc

OIP = "OIP"
OIP_GRPC = "OIP gRPC"
MODEL = "tidecast"


class OipUser(FastHttpUser):
    """Infers over REST."""

    kind = OIP
    wait_time = paced()

    def on_start(self) -> None:
        """Read the options."""
        options = self.environment.parsed_options
        self.headers = authorization(options)
        symbol = {"name": "symbol", "shape": [1], "datatype": "BYTES", "data": [options.symbol]}
        self.body = {"inputs": [symbol]}

    @task(10)
    def infer(self) -> None:
        """One forecast."""
        path = f"/v2/models/{MODEL}/infer"
        self._ask("POST /v2/models/{model}/infer", path, b'"outputs"', body=self.body)

    @task(1)
    def metadata(self) -> None:
        """What the model takes and gives."""
        self._ask("GET /v2/models/{model}", f"/v2/models/{MODEL}", b'"inputs"')

    def _ask(self, name: str, path: str, needle: bytes, body: dict[str, Any] | None = None) -> None:
        ask(self, OIP, name, path, needle, self.headers, body)


class OipGrpcUser(User):
    """Infers over gRPC."""

    kind = OIP_GRPC
    wait_time = paced()

    def on_start(self) -> None:
        """Connect."""
        symbol = self.environment.parsed_options.symbol
        self._caller = Caller(self.environment, OIP_GRPC)
        self._stub = inference_pb2_grpc.GRPCInferenceServiceStub(self._caller.channel)
        self._request = inference_pb2.ModelInferRequest(model_name=MODEL)
        tensor = self._request.inputs.add(name="symbol", datatype="BYTES", shape=[1])
        tensor.contents.bytes_contents.append(symbol.encode())

    def on_stop(self) -> None:
        """Hang up."""
        self._caller.close()

    @task
    def infer(self) -> None:
        """One forecast."""
        self._caller.call(
            "ModelInfer", self._stub.ModelInfer, self._request, lambda answer: bool(answer.outputs)
        )
