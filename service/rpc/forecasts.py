"""The unary methods of ``tidecast.v1.ForecastService`` over the data plane."""

from collections.abc import Sequence

from service.dataplane import Answer, DataPlane
from service.error_table import fault_for_caller
from service.oip.prepared import Prepared
from service.proto import forecast_pb2 as pb
from service.rpc.encoding import (
    RESULT_ERROR,
    RESULT_FORECAST,
    batch,
    error_part,
    facts_of,
    lasting_part,
    passing_part,
)
from service.rpc.methods import Method, Service
from tidecast.errors import InvalidParameter

NAME = "tidecast.v1.ForecastService"
DEFAULT_INTERVAL = "1h"
MAX_BATCH = 100
KEPT_REQUESTS = 256
"""Requests whose answers are kept until a second has passed or anything in them changes."""
MAX_KEPT_BYTES = 256
"""Length of the longest request whose answer is kept."""


class ForecastService:
    """The methods; each answers with the bytes of its response. Any thread may call them."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._lasting: Prepared[None, bytes] = Prepared(_render)
        self._kept: dict[bytes, tuple[Answer, bytes]] = {}

    def methods(self) -> dict[str, Method]:
        """All methods by their name."""
        return {
            "Forecast": Method(bytes, self.forecast),
            "BatchForecast": Method(pb.BatchForecastRequest.FromString, self.batch),
            "Scores": Method(pb.ScoresRequest.FromString, self.scores, blocking=True),
            "Models": Method(pb.ModelsRequest.FromString, self.models),
        }

    def forecast(self, request: bytes) -> bytes:
        """The newest forecast of one market; the same request is read once a second only.

        Raises:
            DecodeError: the request is not protobuf.
            CallerError: a field of it is wrong.
            ForecastUnavailable: there is no forecast.
        """
        kept = self._kept.get(request)
        if kept is not None and self._plane.is_current(kept[0]):
            return kept[1]
        answer = self._asked(pb.ForecastRequest.FromString(request))
        message = self._message(answer)
        if len(request) <= MAX_KEPT_BYTES:
            if len(self._kept) >= KEPT_REQUESTS:
                self._kept.clear()
            self._kept[request] = answer, message
        return message

    def batch(self, request: pb.BatchForecastRequest) -> bytes:
        """Several forecasts; one that fails does not fail the others.

        Raises:
            InvalidParameter: they are too many.
        """
        if len(request.requests) > MAX_BATCH:
            raise InvalidParameter(
                f"{len(request.requests)} requests in one",
                field="requests",
                allowed=f"at most {MAX_BATCH}",
            )
        return batch(map(self._result, request.requests))

    def scores(self, request: pb.ScoresRequest) -> bytes:
        """The live scoreboard of one market.

        Raises:
            CallerError: a field is wrong.
            StoreUnavailable: the store cannot be read.
        """
        board = self._plane.scores(request.symbol, request.interval or DEFAULT_INTERVAL)
        return pb.ScoresResponse(**board.model_dump(exclude_none=True)).SerializeToString()

    def models(self, request: pb.ModelsRequest) -> bytes:
        """Champions and their history."""
        models = self._plane.models().model_dump(exclude_none=True)
        return pb.ModelsResponse(**models).SerializeToString()

    def _asked(self, request: pb.ForecastRequest) -> Answer:
        horizon = request.horizon if request.HasField("horizon") else None
        interval = request.interval or DEFAULT_INTERVAL
        return self._plane.forecast(request.symbol, interval, horizon, wanted_levels(request))

    def _message(self, answer: Answer) -> bytes:
        passing = passing_part(answer.data_age_seconds, answer.degraded)
        return self._lasting.parts(answer, None) + passing

    def _result(self, request: pb.ForecastRequest) -> tuple[int, bytes]:
        try:
            return RESULT_FORECAST, self._message(self._asked(request))
        except Exception as error:
            return RESULT_ERROR, error_part(fault_for_caller(error))


def wanted_levels(
    request: pb.ForecastRequest | pb.WatchForecastsRequest,
) -> Sequence[float] | None:
    """The levels of a request; None where it leaves them to us."""
    return list(request.levels) or None


def forecast_service(plane: DataPlane) -> Service:
    """The service without its stream."""
    return Service(NAME, ForecastService(plane).methods())


def _render(answer: Answer, _: None) -> bytes:
    return lasting_part(facts_of(answer.snapshot), answer.steps, answer.levels)
