import asyncio
import hashlib
import time
from functools import partial
from typing import Any

import httpx
import pytest
from anyio import CapacityLimiter
from prometheus_client import REGISTRY, generate_latest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from service.api_keys import Doorkeeper
from service.board import Board
from service.messages import ErrorAnswer, ForecastRequest
from service.rest.bento_door import BentoDoor
from service.rest.endpoints import FORECAST, Rest, within_time
from service.rest.forecast_pages import ForecastPages
from service.rest.front import KEYLESS, Front, Shortcut
from tidecast.errors import StoreUnavailable
from tidecast.timeframes import Market

ALLOWED = {name: f"good {name}" for name in ForecastRequest.model_fields}


async def _api(request: Request) -> Response:
    """Checks a body as BentoML does."""
    asked = ForecastRequest.model_validate_json(await request.body() or b"{}")
    return JSONResponse(asked.model_dump())


async def _echo(request: Request) -> Response:
    return JSONResponse({"echo": (await request.body()).decode()})


async def _boom(request: Request) -> Response:
    raise RuntimeError("secret detail")


def _client(plane, doorkeeper: Doorkeeper | None = None) -> httpx.AsyncClient:
    pages = ForecastPages(plane)
    routes = Rest(plane, pages, b"{}").routes()
    routes += [Route("/forecast", BentoDoor(_api, ALLOWED, 65_536), methods=["POST"])]
    routes += [Route("/boom", _boom)]
    shortcuts = {
        ("GET", f"/v1/forecasts/{market.symbol}"): Shortcut(
            FORECAST, partial(pages.default, market)
        )
        for market in (Market("BTC-USD", "1h"), Market("ETH-USD", "1h"))
    }
    front = Front(routes, Starlette(), shortcuts, doorkeeper)
    transport = httpx.ASGITransport(front, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def _ask(
    plane, method: str, path: str, doorkeeper: Doorkeeper | None = None, **more: Any
) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with _client(plane, doorkeeper) as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


def _error(response: httpx.Response) -> dict[str, Any]:
    ErrorAnswer.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/json"
    return response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/forecasts/a/b", 404, "not_found"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/forecast", 405, "method_not_allowed"),
        ("GET", "/v1/forecasts/DOGE-USD", 404, "unknown_market"),
        ("GET", "/v1/forecasts/BTC-USD", 503, "forecast_unavailable"),
        ("GET", "/v1/forecasts/BTC-USD?horizon=0", 400, "invalid_parameter"),
        ("GET", "/v1/models?x=1", 400, "invalid_parameter"),
        ("GET", "/v1/candles/BTC-USD", 503, "store_unavailable"),
    ],
)
def test_error_has_the_one_shape(plane, method: str, path: str, status: int, code: str) -> None:
    response = _ask(plane, method, path)
    assert (response.status_code, _error(response)["code"]) == (status, code)


def test_error_keeps_the_headers_that_count(plane) -> None:
    allowed = _ask(plane, "PUT", "/v1/models").headers["allow"]
    assert sorted(allowed.split(", ")) == ["GET", "HEAD"]
    assert int(_ask(plane, "GET", "/v1/forecasts/BTC-USD").headers["retry-after"]) > 0


def test_unexpected_error_tells_only_its_correlation_id(plane) -> None:
    with capture_logs() as logs:
        response = _ask(plane, "GET", "/boom")
    error = _error(response)
    assert response.status_code == 500
    assert "secret" not in response.text
    assert [(log["event"], log["correlation_id"]) for log in logs] == [
        ("unexpected_error", error["correlation_id"])
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "symbol"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 5000, "body"),
        (b'{"symbol": 1}', "symbol"),
        (b'{"symbol": "BTC-USD", "horizon": "24"}', "horizon"),
        (b'{"symbol": "BTC-USD", "horizon": 0}', "horizon"),
        (b'{"symbol": "BTC-USD", "horizon": true}', "horizon"),
        (b'{"symbol": "BTC-USD", "interval": "2h"}', "interval"),
        (b'{"symbol": "BTC-USD", "levels": []}', "levels"),
        (b'{"symbol": "BTC-USD", "levels": ["0.5"]}', "levels"),
        (b'{"symbol": "BTC-USD", "horizont": 1}', "horizont"),
    ],
)
def test_bad_body_is_refused_with_its_field(plane, body: bytes, field: str) -> None:
    response = _ask(plane, "POST", "/forecast", content=body)
    error = _error(response)
    assert response.status_code == 400
    assert error["field"] == field
    assert error["allowed"]


def test_good_body_arrives_whole(plane) -> None:
    body = {"symbol": "BTC-USD", "levels": [0.5], "horizon": 3}
    response = _ask(plane, "POST", "/forecast", json=body)
    assert response.json() == {**body, "interval": "1h"}


def test_body_of_another_type_is_refused(plane) -> None:
    response = _ask(plane, "POST", "/forecast", content=b"{}", headers={"content-type": "text/x"})
    assert (response.status_code, _error(response)["allowed"]) == (415, "application/json")


def test_metrics_stay_bounded_whatever_is_asked(plane) -> None:
    async def ask_much() -> None:
        async with _client(plane) as client:
            for i in range(200):
                await client.request(f"M{i}", f"/random/{i}")
                await client.get(f"/v1/forecasts/S{i}?x={i}")

    asyncio.run(ask_much())
    before = len(generate_latest(REGISTRY))
    asyncio.run(ask_much())
    assert len(generate_latest(REGISTRY)) < before + 500


def test_requests_are_counted_by_template(plane) -> None:
    labels = {"route": "/v1/forecasts/{symbol}", "method": "GET", "status": "404"}

    def count() -> float:
        return REGISTRY.get_sample_value("tidecast_http_requests_total", labels) or 0

    before = count()
    _ask(plane, "GET", "/v1/forecasts/DOGE-USD")
    assert count() == before + 1


def test_client_that_goes_away_is_no_error(plane) -> None:
    front = Front([Route("/echo", _echo, methods=["POST"])], Starlette())
    scope = {"type": "http", "method": "POST", "path": "/echo", "headers": [], "query_string": b""}
    sent: list[Any] = []

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with capture_logs() as logs:
        asyncio.run(front(scope, gone, send))
    assert (sent, logs) == ([], [])


def test_shortcut_answers_as_the_route_does(plane, board: Board, market, snapshot) -> None:
    board.serve(market, snapshot)
    short = _ask(plane, "GET", "/v1/forecasts/BTC-USD")
    routed = _ask(plane, "GET", "/v1/forecasts/BTC-USD?interval=1h")
    assert short.content == routed.content
    assert short.headers == routed.headers
    assert short.status_code == routed.status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_shortcut_is_for_get_only(plane, board: Board, market, snapshot, method: str) -> None:
    board.serve(market, snapshot)
    status = _ask(plane, method, "/v1/forecasts/BTC-USD").status_code
    assert status == (200 if method == "HEAD" else 405)


KEY = "a-long-enough-key"
KEYS = {"alice": hashlib.sha256(KEY.encode()).hexdigest()}
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/forecasts/BTC-USD"),
        ("GET", "/v1/forecasts"),
        ("POST", "/forecast"),
        ("GET", "/nothing"),
        ("GET", "/livez/x"),
        ("GET", "/v2/healthy"),
    ],
)
def test_front_asks_for_a_key_first(plane, method: str, path: str) -> None:
    keyed = Doorkeeper(KEYS)
    refused = _ask(plane, method, path, keyed)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert _ask(plane, method, path, keyed, headers=BEARER).status_code != 401


@pytest.mark.parametrize("path", sorted(KEYLESS | {"/v2/health/live"}))
def test_front_asks_for_no_key_at_probes_and_documents(plane, path: str) -> None:
    assert _ask(plane, "GET", path, Doorkeeper(KEYS)).status_code != 401


def test_slow_store_is_unavailable_within_time() -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="within"):
        asyncio.run(within_time(lambda: time.sleep(0.3) or b"", CapacityLimiter(1), 0.05))
    assert time.monotonic() - started < 1


def test_request_model_bends_no_type() -> None:
    with pytest.raises(ValidationError):
        ForecastRequest.model_validate({"symbol": "BTC-USD", "horizon": 1.5})
    assert ForecastRequest(symbol="BTC-USD", horizon=2.0).horizon == 2
