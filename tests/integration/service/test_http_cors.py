"""Web pages of other origins ask the real service."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.integration.service.raw_client import RawClient

pytestmark = pytest.mark.timeout(180)

FORECAST = "/v1/forecasts/BTC-USD"
INFER = "/v2/models/tidecast/infer"
PAGE, OTHER = "https://dashboard.example.com", "https://elsewhere.example.com"
KEY = "a-key-of-a-test"
BEARER = {"Authorization": f"Bearer {KEY}"}
EXPOSED = {"etag", "retry-after", "www-authenticate", "inference-header-content-length"}
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,if-none-match",
}


@pytest.fixture(scope="module")
def listed(installation) -> Any:
    """A service with one allowed origin, one key and one place."""
    keys = {"tester": hashlib.sha256(KEY.encode()).hexdigest()}
    running = installation.serve(
        TIDECAST_SERVICE__CORS_ALLOWED_ORIGINS=json.dumps([PAGE]),
        TIDECAST_SERVICE__API_KEYS=json.dumps(keys),
        TIDECAST_SERVICE__MAX_INFLIGHT_REQUESTS="1",
    )
    running.wait(lambda: _ask(running, FORECAST, **BEARER).status_code == 200)
    return running


def _ask(server, path: str, method: str = "GET", **headers: str) -> requests.Response:
    return server.session.request(method, f"{server.url}{path}", headers=headers, timeout=20)


def _assert_readable(headers: Any, origin: str = PAGE) -> None:
    """By the page, and not kept by a cache for pages of other origins."""
    assert headers["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in headers
    exposed = headers["access-control-expose-headers"].lower().split(", ")
    assert set(exposed) >= EXPOSED
    assert "origin" in headers["vary"].lower().split(", ")


@pytest.mark.parametrize("path", [FORECAST, "/v1/forecasts", "/forecast", INFER, "/nothing"])
def test_preflight_needs_no_key(listed, path: str) -> None:
    response = _ask(listed, path, "OPTIONS", Origin=PAGE, **PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "POST" in response.headers["access-control-allow-methods"].split(", ")
    allowed = response.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "if-none-match", "content-encoding"} <= set(allowed)
    assert "Origin" in response.headers["vary"]


def test_preflight_of_another_origin_is_refused(listed) -> None:
    response = _ask(listed, FORECAST, "OPTIONS", Origin=OTHER, **PREFLIGHT)
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers


def test_preflight_is_counted(listed) -> None:
    def count() -> float:
        lines = _ask(listed, "/metrics").text.splitlines()
        wanted = 'tidecast_http_requests_total{method="OPTIONS",route="other",status="200"}'
        return sum(float(line.split()[1]) for line in lines if line.startswith(wanted))

    before = count()
    _ask(listed, FORECAST, "OPTIONS", Origin=PAGE, **PREFLIGHT)
    assert count() == before + 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (FORECAST, 200),
        (f"{FORECAST}?horizon=2", 200),
        (f"{FORECAST}?horizon=0", 400),
        ("/v1/forecasts/DOGE-USD", 404),
        ("/v1/forecasts/SOL-USD", 503),
        ("/nothing", 404),
        ("/v2", 200),
        ("/v2/models/iris", 404),
        ("/livez", 200),
    ],
)
def test_page_reads_answers_and_errors(listed, path: str, status: int) -> None:
    response = _ask(listed, path, Origin=PAGE, **BEARER)
    assert response.status_code == status
    _assert_readable(response.headers)


def test_page_reads_that_its_copy_is_current(listed) -> None:
    tag = _ask(listed, FORECAST, **BEARER).headers["etag"]
    headers = {"Origin": PAGE, "If-None-Match": tag, **BEARER}
    response = _ask(listed, FORECAST, **headers)
    assert response.status_code == 304
    _assert_readable(response.headers)


def test_page_reads_that_a_key_is_missing(listed) -> None:
    response = _ask(listed, FORECAST, Origin=PAGE)
    assert response.status_code == 401
    _assert_readable(response.headers)


@pytest.mark.parametrize("path", ["/forecast", INFER])
def test_page_reads_that_its_body_is_refused(listed, path: str) -> None:
    headers = {"Origin": PAGE, "Content-Type": "text/plain", **BEARER}
    response = _ask(listed, path, "POST", **headers)
    assert response.status_code == 415
    _assert_readable(response.headers)


def test_page_reads_that_the_service_is_at_its_limit(listed) -> None:
    unfinished = (
        f"POST {INFER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    )
    with RawClient(listed.url) as holder:
        # The interim answer says that the only place is taken.
        assert holder.interim(unfinished.encode()) == 100
        response = _ask(listed, FORECAST, Origin=PAGE, **BEARER)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    _assert_readable(response.headers)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http:// HTTP/1.1\r\nHost: x\r\nOrigin: %b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\nOrigin: %b\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: %b\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    ],
)
def test_page_reads_why_its_request_is_refused_unread(listed, head: bytes, status: int) -> None:
    with RawClient(listed.url) as client:
        answer = client.ask(head % PAGE.encode())
    assert answer.status == status
    _assert_readable(answer.headers)


@pytest.mark.parametrize("headers", [{"Origin": OTHER}, {"Origin": "null"}, {}])
def test_others_are_allowed_nothing(listed, headers: dict[str, str]) -> None:
    response = _ask(listed, FORECAST, **headers, **BEARER)
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers
    assert response.headers["vary"] == "accept-encoding, Origin"


def test_prepared_answer_does_not_keep_the_headers_of_a_page(listed) -> None:
    _assert_readable(_ask(listed, FORECAST, Origin=PAGE, **BEARER).headers)
    assert "access-control-allow-origin" not in _ask(listed, FORECAST, **BEARER).headers


def test_trailer_does_not_authenticate(listed) -> None:
    body = json.dumps({"symbol": "BTC-USD"}).encode()
    head = (
        b"POST /forecast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Trailer: Authorization\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunks = b"%x\r\n%b\r\n0\r\nAuthorization: Bearer %b\r\n\r\n" % (len(body), body, KEY.encode())
    with RawClient(listed.url) as client:
        assert client.ask(head + chunks).status == 401
        assert client.ask(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status == 200


def test_every_origin_may_be_allowed(installation) -> None:
    running = installation.serve(TIDECAST_SERVICE__CORS_ALLOWED_ORIGINS='["*"]')
    running.wait(lambda: _ask(running, FORECAST).status_code == 200)
    readable: list[Callable[[], Any]] = [
        lambda: _ask(running, FORECAST, Origin=OTHER).headers,
        lambda: _ask(running, "/nothing", Origin=OTHER).headers,
        lambda: _refused(running).headers,
    ]
    for headers in readable:
        _assert_readable(headers(), "*")
    preflight = _ask(running, FORECAST, "OPTIONS", Origin=OTHER, **PREFLIGHT)
    assert preflight.headers["access-control-allow-origin"] == "*"


def _refused(server) -> Any:
    with RawClient(server.url) as client:
        return client.ask(f"GET http:// HTTP/1.1\r\nHost: x\r\nOrigin: {OTHER}\r\n\r\n".encode())


def test_no_header_is_sent_unless_an_origin_is_allowed(server) -> None:
    response = _ask(server, FORECAST, Origin=PAGE)
    assert response.headers["vary"] == "accept-encoding"
    assert not [name for name in response.headers if name.lower().startswith("access-control")]
    assert _ask(server, FORECAST, "OPTIONS", Origin=PAGE, **PREFLIGHT).status_code == 405
