"""The whole HTTP application: front door, REST routes, and behind them one API of BentoML."""

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.dataplane import DataPlane
from service.departure import FarewellHeader
from service.messages import ForecastRequest
from service.oip.rest import INFER, InferenceRest
from service.oip.signature import MODEL
from service.parameters import LEVELS_ALLOWED
from service.rest.bento_door import Api, BentoDoor
from service.rest.cors import CorsPolicy
from service.rest.endpoints import DEFAULT_INTERVAL, FORECAST, JSON, Rest
from service.rest.forecast_pages import ForecastPages
from service.rest.front import Front, Shortcut
from service.rest.openapi import document, dump_document
from service.runtime import Runtime
from tidecast.settings import Settings
from tidecast.timeframes import INTERVALS

POSTED = "/forecast"


@dataclass(frozen=True)
class Bento:
    """What BentoML gives us.

    Attributes:
        lifespan: starts and stops the service.
        forecast: the API behind POST /forecast.
        schema: what its clients read first, JSON.
    """

    lifespan: ASGIApp
    forecast: Api
    schema: bytes


def assemble(bentoml: Bento, runtime: Runtime, settings: Settings) -> ASGIApp:
    """Put our routes around the API of BentoML, and what clients of BentoML ask beside it."""
    plane = runtime.plane
    pages = ForecastPages(plane)
    allowed = {
        "symbol": ", ".join(dict.fromkeys(market.symbol for market in settings.markets)),
        "interval": ", ".join(INTERVALS),
        "horizon": f"1..{settings.horizon}",
        "levels": LEVELS_ALLOWED,
    }
    max_body_bytes = settings.service.max_body_bytes
    door = BentoDoor(bentoml.forecast, allowed, max_body_bytes)
    routes = Rest(plane, pages, dump_document(document(settings))).routes()
    routes.append(Route(POSTED, door, methods=["POST"]))
    inference = InferenceRest(plane, max_body_bytes)
    routes += inference.routes()
    routes.append(_fixed("/schema.json", bentoml.schema))
    shortcuts = {
        ("POST", POSTED): Shortcut(POSTED, lambda: door),
        ("POST", INFER.format(model=MODEL)): Shortcut(INFER, lambda: inference.infer),
        **_defaults(pages, settings),
    }
    cors = CorsPolicy(settings.service.cors_allowed_origins)
    front = Front(routes, bentoml.lifespan, shortcuts, runtime.doorkeeper, cors)
    return FarewellHeader(front, plane)


def _fixed(path: str, body: bytes) -> Route:
    async def give(request: Request) -> Response:
        return Response(body, media_type=JSON)

    return Route(path, give)


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
    """POST /forecast.

    Raises:
        UnknownMarket: the market is not configured.
        InvalidParameter: the horizon or a level is not served.
        ForecastUnavailable: there is no forecast.
    """
    found = plane.forecast(request.symbol, request.interval, request.horizon, request.levels)
    return Response(found.to_json(), media_type=JSON)
