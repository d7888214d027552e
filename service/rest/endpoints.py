"""REST over the data plane: parameters in, bytes out, no rule of its own."""

from collections.abc import Callable
from functools import partial

import anyio.to_thread
from anyio import CapacityLimiter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service import parameters
from service.dataplane import DataPlane
from service.messages import dump
from service.rest.forecast_pages import ForecastPages
from service.rest.representation import Representation
from tidecast.errors import StoreUnavailable

STORE_SECONDS = 2.0
"""Longest that an answer waits for the store."""
STORE_THREADS = 4
JSON = "application/json"
FORECAST = "/v1/forecasts/{symbol}"
DEFAULT_INTERVAL = "1h"
INDEX = b'{"service":"tidecast","openapi":"/openapi.json","forecasts":"/v1/forecasts"}'


class Rest:
    """The endpoints.

    Args:
        openapi: the OpenAPI document, JSON.
    """

    def __init__(self, plane: DataPlane, pages: ForecastPages, openapi: bytes) -> None:
        self._plane = plane
        self._pages = pages
        self._openapi = openapi
        self._store_threads: CapacityLimiter | None = None

    def routes(self) -> list[BaseRoute]:
        """All routes, the most asked first."""
        return [
            Route(FORECAST, self.forecast),
            Route("/v1/forecasts", self.forecasts),
            Route("/v1/candles/{symbol}", self.candles),
            Route("/v1/scores/{symbol}", self.scores),
            Route("/v1/models", self.models),
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
            Route("/", self.index),
        ]

    async def forecast(self, request: Request) -> Representation:
        """One market."""
        asked = _query(request, "interval", "horizon", "levels")
        answer = self._plane.forecast(
            request.path_params["symbol"],
            asked.get("interval", DEFAULT_INTERVAL),
            self._horizon(asked),
            parameters.levels(asked.get("levels")),
        )
        return self._pages.one(answer)

    async def forecasts(self, request: Request) -> Representation:
        """All markets."""
        asked = _query(request, "horizon", "levels")
        answers, missing = self._plane.forecasts(
            self._horizon(asked), parameters.levels(asked.get("levels"))
        )
        return self._pages.all(answers, missing)

    async def candles(self, request: Request) -> Response:
        """Stored candles."""
        asked = _query(request, "interval", "start", "end", "limit")
        read = partial(
            self._plane.candles,
            request.path_params["symbol"],
            asked.get("interval", DEFAULT_INTERVAL),
            parameters.time("start", asked.get("start")),
            parameters.time("end", asked.get("end")),
            parameters.integer("limit", asked.get("limit"), 1, self._plane.limits.max_candles),
        )
        return await self._from_store(lambda: dump(read()))

    async def scores(self, request: Request) -> Response:
        """The live scoreboard."""
        asked = _query(request, "interval")
        read = partial(
            self._plane.scores,
            request.path_params["symbol"],
            asked.get("interval", DEFAULT_INTERVAL),
        )
        return await self._from_store(lambda: dump(read()))

    async def models(self, request: Request) -> Response:
        """Champions and their history."""
        _query(request)
        return Response(dump(self._plane.models()), media_type=JSON)

    async def livez(self, request: Request) -> Response:
        """The process answers."""
        return Response(b'{"alive":true}', media_type=JSON)

    async def readyz(self, request: Request) -> Response:
        """Whether a market can be served."""
        readiness = self._plane.readiness()
        status = 200 if readiness.ready else 503
        return Response(dump(readiness), status, media_type=JSON)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document."""
        return Response(self._openapi, media_type=JSON)

    async def index(self, request: Request) -> Response:
        """Where to look; BentoML's own page here calls a tracker."""
        return Response(INDEX, media_type=JSON)

    def _horizon(self, asked: dict[str, str]) -> int | None:
        return parameters.integer("horizon", asked.get("horizon"), 1, self._plane.limits.horizon)

    async def _from_store(self, read: Callable[[], bytes]) -> Response:
        if self._store_threads is None:
            self._store_threads = CapacityLimiter(STORE_THREADS)
        return Response(await within_time(read, self._store_threads), media_type=JSON)


async def within_time(
    read: Callable[[], bytes], threads: CapacityLimiter, seconds: float = STORE_SECONDS
) -> bytes:
    """What ``read`` returns, run in a thread.

    Args:
        read: may block; when it takes too long it goes on in its thread, unheard.
        threads: how many may block at once.
        seconds: longest wait, for a free thread and for the answer.

    Raises:
        StoreUnavailable: it takes too long.
    """
    try:
        with anyio.fail_after(seconds):
            return await anyio.to_thread.run_sync(read, abandon_on_cancel=True, limiter=threads)
    except TimeoutError as error:
        raise StoreUnavailable(f"no answer within {seconds:g} s") from error


def _query(request: Request, *known: str) -> dict[str, str]:
    if not request.scope["query_string"]:
        return {}
    return parameters.only(request.query_params.multi_items(), known)
