"""The real service as a process, spoken to as browsers, caches, proxies and strangers do."""

import gzip
import http.client
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from service.messages import ErrorAnswer
from tidecast.settings import ServiceSettings

pytestmark = pytest.mark.timeout(180)

FORECAST = "/v1/forecasts/BTC-USD"
LIMITS = ServiceSettings()


def _ask(server, path: str = FORECAST, method: str = "GET", **headers: str) -> requests.Response:
    bare = {"Accept-Encoding": "identity"}
    return server.session.request(
        method, f"{server.url}{path}", headers={**bare, **headers}, timeout=10
    )


def _raw(server, data: bytes) -> http.client.HTTPResponse:
    """The response to bytes that no client library would send."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(data)
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.data = response.read()  # type: ignore[attr-defined]
        response.close()
        return response


def _code(response: Any) -> str:
    body = response.content if isinstance(response, requests.Response) else response.data
    return ErrorAnswer.model_validate_json(body).error.code


@pytest.mark.parametrize(
    "path", [FORECAST, f"{FORECAST}?horizon=2", f"{FORECAST}?levels=0.5", "/v1/forecasts"]
)
def test_forecast_that_is_known_is_not_sent_again(server, path: str) -> None:
    first = _ask(server, path)
    again = _ask(server, path, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["vary"] == first.headers["vary"] == "accept-encoding"


def test_forecast_tags_differ_by_what_was_asked(server) -> None:
    asked = ["", "?horizon=2", "?levels=0.5", "?horizon=2&levels=0.5"]
    tags = {_ask(server, f"{FORECAST}{part}").headers["etag"] for part in asked}
    assert len(tags) == len(asked)


def test_simulated_forecast_is_not_kept_unasked(server) -> None:
    assert _ask(server).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", [FORECAST, f"{FORECAST}?horizon=23", "/v1/forecasts"])
def test_forecast_is_compressed_for_who_accepts_it(server, path: str) -> None:
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers={"Accept-Encoding": "br;q=1, gzip"})
    response = connection.getresponse()
    packed = response.read()
    connection.close()
    assert response.getheader("content-encoding") == "gzip"
    plain = _ask(server, path)
    assert "content-encoding" not in plain.headers
    assert len(packed) < len(plain.content) / 2
    assert json.loads(gzip.decompress(packed)).keys() == plain.json().keys()


@pytest.mark.parametrize("path", [FORECAST, "/v1/models", "/livez", "/readyz"])
def test_head_has_the_headers_of_get_and_no_body(server, path: str) -> None:
    got, headed = _ask(server, path), _ask(server, path, "HEAD")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert int(headed.headers["content-length"]) > 0


@pytest.mark.parametrize(("path", "allowed"), [(FORECAST, "GET, HEAD"), ("/forecast", "POST")])
def test_options_says_what_is_allowed(server, path: str, allowed: str) -> None:
    response = _ask(server, path, "OPTIONS")
    assert (response.status_code, _code(response)) == (405, "method_not_allowed")
    assert ", ".join(sorted(response.headers["allow"].split(", "))) == allowed


@pytest.mark.parametrize(
    "path", ["/v1/forecasts/%ff%fe", "/%ff%fe", "/v1/forecasts/%00", "/v1/forecasts/BTC%2DUSD%0A"]
)
def test_strange_path_is_not_found(server, path: str) -> None:
    assert _ask(server, path).status_code == 404


def test_path_may_be_escaped(server) -> None:
    assert _ask(server, "/v1/forecasts/BTC%2DUSD").status_code == 200


def test_two_hundred_megabytes_are_refused_unread(server) -> None:
    head = b"POST /forecast HTTP/1.1\r\nhost: x\r\ncontent-length: 200000000\r\n\r\n"
    response = _raw(server, head + b"x" * 1_000_000)
    assert (response.status, _code(response)) == (413, "body_too_large")


def test_head_of_hundred_kilobytes_is_refused(server) -> None:
    head = b"GET /livez HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 102_400 + b"\r\n\r\n"
    response = _raw(server, head)
    assert (response.status, _code(response)) == (431, "header_too_large")


def test_deep_json_is_refused(server) -> None:
    body = b"[" * (LIMITS.max_body_bytes - 1)
    response = server.post(body)
    assert (response.status_code, _code(response)) == (400, "invalid_parameter")
    nested = b'{"symbol":' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert server.post(nested).status_code == 400


def test_malformed_requests_leave_no_line_in_the_log(server) -> None:
    before = len(server.log.read_bytes())
    for garbage in (b"\x16\x03\x01\x00\x01\r\n\r\n", b"GET / HTTP/7.7\r\n\r\n"):
        assert _code(_raw(server, garbage)) == "bad_request"
    upgrade = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    assert _raw(server, upgrade + b"sec-websocket-key: eA==\r\n\r\n").status == 200
    assert b"request" not in server.log.read_bytes()[before:].lower()


@pytest.mark.parametrize("path", ["/docs.json", "/healthz", "/static_content/x", "/metrics/x"])
def test_pages_of_bentoml_are_not_there(server, path: str) -> None:
    assert _ask(server, path).status_code == 404


CLIENT = """
import sys, bentoml
with bentoml.SyncHTTPClient(sys.argv[1]) as client:
    answer = client.forecast({"symbol": "BTC-USD", "horizon": 2})
    print(len(answer["steps"]))
"""


def test_client_of_bentoml_finds_and_asks_the_api(server) -> None:
    command = [sys.executable, "-c", CLIENT, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "2", done.stderr[-2000:]


def test_gauge_of_the_autoscaler_is_published(server) -> None:
    lines = _ask(server, "/metrics").text.splitlines()
    (gauge,) = (line for line in lines if line.startswith("tidecast_inflight_requests "))
    assert 0 <= float(gauge.split()[1]) < LIMITS.max_inflight_requests


def test_metrics_are_kept_in_memory(server, installation) -> None:
    files = list(Path(installation.home, "bentoml").rglob("*.db"))
    assert files == []
