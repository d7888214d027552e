"""The whole HTTP application: front door, REST routes, and BentoML behind a checked body."""

from functools import partial

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.dataplane import DataPlane
from service.departure import FarewellHeader
from service.error_table import fault_for_caller
from service.messages import ForecastRequest
from service.oip.rest import INFER, InferenceRest
from service.oip.signature import MODEL
from service.parameters import LEVELS_ALLOWED
from service.rest.bento_door import CheckedBody, Reshaped
from service.rest.endpoints import DEFAULT_INTERVAL, FORECAST, JSON, Rest
from service.rest.forecast_pages import ForecastPages
from service.rest.front import Front, Shortcut
from service.rest.openapi import document, dump_document
from service.runtime import Runtime
from tidecast.settings import Settings
from tidecast.timeframes import INTERVALS

POSTED = "/forecast"


def assemble(bentoml: ASGIApp, runtime: Runtime, settings: Settings) -> ASGIApp:
    """Put our routes before BentoML's application, of whose own only its schema is left."""
    plane = runtime.plane
    pages = ForecastPages(plane)
    reshaped = Reshaped(bentoml)
    allowed = {
        "symbol": ", ".join(dict.fromkeys(market.symbol for market in settings.markets)),
        "interval": ", ".join(INTERVALS),
        "horizon": f"1..{settings.horizon}",
        "levels": LEVELS_ALLOWED,
    }
    body = CheckedBody(reshaped, ForecastRequest, allowed)
    routes = Rest(plane, pages, dump_document(document(settings))).routes()
    routes.append(Route(POSTED, body, methods=["POST"]))
    inference = InferenceRest(plane)
    routes += inference.routes()
    routes.append(Route("/schema.json", reshaped, methods=["GET"]))
    shortcuts = {
        ("POST", POSTED): Shortcut(POSTED, lambda: body),
        ("POST", INFER.format(model=MODEL)): Shortcut(INFER, lambda: inference.infer),
        **_defaults(pages, settings),
    }
    return FarewellHeader(Front(routes, bentoml, shortcuts, runtime.doorkeeper), plane)


def _defaults(pages: ForecastPages, settings: Settings) -> dict[tuple[str, str], Shortcut]:
    """To the default answers of the markets whose interval needs no naming."""
    markets = [configured.market for configured in settings.markets]
    return {
        ("GET", FORECAST.format(symbol=market.symbol)): Shortcut(
            FORECAST, partial(pages.default, market)
        )
        for market in markets
        if market.interval == DEFAULT_INTERVAL
    }


def answer(plane: DataPlane, request: ForecastRequest) -> Response:
    """POST /forecast: the bytes of the answer, or the error in the one shape."""
    try:
        found = plane.forecast(request.symbol, request.interval, request.horizon, request.levels)
    except Exception as error:
        # Were it left to BentoML, its log line would have no id and ours no cause.
        fault = fault_for_caller(error)
        return Response(fault.body(), fault.status, dict(fault.headers), media_type=JSON)
    return Response(found.to_json(), media_type=JSON)
