"""The whole HTTP application: front door, REST routes, and BentoML behind a checked body."""

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.dataplane import DataPlane
from service.error_table import fault_of
from service.messages import ForecastRequest
from service.oip.rest import InferenceRest
from service.parameters import LEVELS_ALLOWED
from service.rest.bento_door import CheckedBody, Reshaped
from service.rest.endpoints import JSON, Rest
from service.rest.front import Front
from service.rest.openapi import document, dump_document
from tidecast.errors import TidecastError
from tidecast.settings import Settings
from tidecast.timeframes import INTERVALS


def assemble(bentoml: ASGIApp, plane: DataPlane, settings: Settings) -> ASGIApp:
    """Put our routes before BentoML's application."""
    reshaped = Reshaped(bentoml)
    allowed = {
        "symbol": ", ".join(dict.fromkeys(market.symbol for market in settings.markets)),
        "interval": ", ".join(INTERVALS),
        "horizon": f"1..{settings.horizon}",
        "levels": LEVELS_ALLOWED,
    }
    body = CheckedBody(reshaped, ForecastRequest, allowed)
    routes = Rest(plane, dump_document(document(settings))).routes()
    routes.append(Route("/forecast", body, methods=["POST"]))
    routes += InferenceRest(plane, settings.service.max_body_bytes).routes()
    return Front(routes, reshaped)


def answer(plane: DataPlane, request: ForecastRequest) -> Response:
    """POST /forecast: the bytes of the answer, or the error in the one shape."""
    try:
        found = plane.forecast(request.symbol, request.interval, request.horizon, request.levels)
    except TidecastError as error:
        fault = fault_of(error)
        if fault is None:
            raise
        return Response(fault.body(), fault.status, dict(fault.headers), media_type=JSON)
    return Response(found.to_json(), media_type=JSON)
