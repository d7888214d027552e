"""A user of our own gRPC API."""

from locust import User, task

from loadtests.users.asking import paced
from loadtests.users.grpc_calls import Caller
from service.proto import forecast_pb2, forecast_pb2_grpc

GRPC = "gRPC"
BATCH = 3


class GrpcUser(User):
    """Calls ForecastService."""

    kind = GRPC
    wait_time = paced()

    def on_start(self) -> None:
        """Connect."""
        symbol = self.environment.parsed_options.symbol
        self._caller = Caller(self.environment, GRPC)
        self._stub = forecast_pb2_grpc.ForecastServiceStub(self._caller.channel)
        self._request = forecast_pb2.ForecastRequest(symbol=symbol)
        self._batch = forecast_pb2.BatchForecastRequest(requests=[self._request] * BATCH)

    def on_stop(self) -> None:
        """Hang up."""
        self._caller.close()

    @task(10)
    def forecast(self) -> None:
        """One forecast."""
        self._caller.call(
            "Forecast", self._stub.Forecast, self._request, lambda answer: bool(answer.steps)
        )

    @task(1)
    def batch(self) -> None:
        """Several at once."""
        self._caller.call(
            "BatchForecast",
            self._stub.BatchForecast,
            self._batch,
            lambda answer: all(result.HasField("forecast") for result in answer.results),
        )
