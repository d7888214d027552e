"""Odd request heads over a real socket: each gets one whole answer, the first and later ones."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.service.raw_client import RawAnswer, RawClient

pytestmark = pytest.mark.timeout(180)

GOOD = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
INDEX = b'"forecasts":"/v1/forecasts"'
INVALID_TARGETS = [
    b"http://x:99999999/livez",
    b"http://x:0x/",
    b"http://",
    b"http:///livez",
    b"http://[::1",
    b"http://user:word@x/livez",
    b"ftp://x/livez",
    b"?",
    b"livez",
    b"x:80",
    b"*",
]


def _head(target: bytes, method: bytes = b"GET", headers: bytes = b"Host: x\r\n") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + headers + b"\r\n"


def _alone_and_later(server, head: bytes, method: str = "GET") -> list[RawAnswer]:
    """The answers to a head: first on its connection, after an answer, and sent with another."""
    with RawClient(server.url) as first:
        alone = first.ask(head, method)
    with RawClient(server.url) as second:
        second.ask(GOOD)
        after = second.ask(head, method)
    with RawClient(server.url) as third:
        assert third.ask(GOOD + head).status == 200
        return [alone, after, third.answer(method)]


@pytest.mark.parametrize("target", [b"http://api.example.com", b"HTTP://x:3000", b"https://[::1]"])
def test_url_without_a_path_means_the_root(server, target: bytes) -> None:
    for answer in _alone_and_later(server, _head(target)):
        assert answer.status == 200
        assert INDEX in answer.body


def test_url_without_a_path_keeps_its_query(server) -> None:
    for answer in _alone_and_later(server, _head(b"http://x?horizon=1")):
        assert answer.status == 200


def test_url_with_a_path_is_answered_as_the_path(server) -> None:
    for answer in _alone_and_later(server, _head(b"http://x/v1/forecasts/BTC-USD?horizon=2")):
        assert answer.status == 200
        assert answer.body.count(b'"target_time"') == 2


def test_error_of_a_url_has_the_shape_of_its_path(server) -> None:
    for answer in _alone_and_later(server, _head(b"http://x/v2/models/iris")):
        assert (answer.status, answer.error["code"]) == (404, "unknown_model")
        assert answer.body.startswith(b'{"error":"')


@pytest.mark.parametrize("target", INVALID_TARGETS)
def test_invalid_target_is_refused_with_what_is_allowed(server, target: bytes) -> None:
    for answer in _alone_and_later(server, _head(target)):
        assert (answer.status, answer.error["code"]) == (400, "bad_request")
        assert answer.error["field"] == "request target"
        assert "http" in answer.error["allowed"]
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("target", [b"x:443", b"x", b"/livez", b"http://x/"])
def test_connect_is_not_implemented(server, target: bytes) -> None:
    for answer in _alone_and_later(server, _head(target, b"CONNECT")):
        assert (answer.status, answer.error["code"]) == (501, "not_implemented")
        assert answer.error["field"] == "method"


@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"Host: x\r\nHost: x\r\n",
        b"Host: x y\r\n",
        b"Host: x/y\r\n",
        b"Host: a, b\r\n",
        b"Host: x:port\r\n",
    ],
)
def test_missing_double_or_invalid_host_is_refused(server, headers: bytes) -> None:
    for answer in _alone_and_later(server, _head(b"/livez", headers=headers)):
        assert (answer.status, answer.error["code"]) == (400, "bad_request")
        assert answer.error["field"] == "Host"


@pytest.mark.parametrize(
    "host", [b"", b"localhost", b"x:3000", b"x:", b"10.0.0.1:80", b"[::1]:3000", b"my_host.svc"]
)
def test_valid_host_is_accepted(server, host: bytes) -> None:
    with RawClient(server.url) as client:
        assert client.ask(_head(b"/livez", headers=b"Host: " + host + b"\r\n")).status == 200


def test_http_1_0_needs_no_host(server) -> None:
    with RawClient(server.url) as client:
        assert client.ask(b"GET /livez HTTP/1.0\r\n\r\n").status == 200


@pytest.mark.parametrize("line", [b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET /"])
def test_another_version_of_http_is_refused(server, line: bytes) -> None:
    with RawClient(server.url) as client:
        answer = client.ask(line + b"\r\nHost: x\r\n\r\n")
    assert (answer.status, answer.error["code"]) == (505, "http_version_not_supported")
    assert answer.error["allowed"] == "HTTP/1.1, HTTP/1.0"


def test_refused_head_request_has_no_body(server) -> None:
    for answer in _alone_and_later(server, _head(b"http://", b"HEAD"), "HEAD"):
        assert (answer.status, answer.body) == (400, b"")


def test_refused_heads_are_counted_and_not_logged(server) -> None:
    def refused(status: int) -> float:
        pattern = rf'^tidecast_http_requests_total{{.*route="refused",status="{status}"}} (\S+)$'
        found = re.search(pattern, server.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    before = refused(400), refused(501)
    log = server.log.read_bytes()
    for head in (_head(b"http://"), _head(b"x:443", b"CONNECT")):
        _alone_and_later(server, head)
    assert (refused(400), refused(501)) == (before[0] + 3, before[1] + 3)
    assert server.log.read_bytes() == log


def test_request_behind_a_refused_body_gets_no_answer_and_those_before_it_do(server) -> None:
    chunk = b"%x\r\n" % 200_000 + b"z" * 200_000
    body = b"POST /forecast HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    with RawClient(server.url) as client:
        answers = client.answers(GOOD * 3 + body)
    assert [answer.status for answer in answers] == [200, 200, 200, 413]


PIECES = st.sampled_from(
    [b"/", b"http://", b"x", b":", b"443", b"?", b"#", b"*", b"@", b"[::1]", b"livez", b"%2e", b"%"]
)
TARGETS = st.lists(PIECES, min_size=1, max_size=6).map(b"".join)
METHODS = st.sampled_from([b"GET", b"POST", b"OPTIONS", b"CONNECT", b"TRACE", b"PURGE", b"XYZ"])
LINES = st.lists(
    st.sampled_from(
        [
            b"Host: x",
            b"host: y:1",
            b"Host:",
            b"Host: \xff",
            b"Origin: http://a",
            b"Content-Length: 0",
            b"Expect: 100-continue",
            b"Upgrade: websocket",
            b"Connection: upgrade",
            b"Connection: close",
            b"Content-Encoding: gzip",
            b"no colon",
            b": empty",
            b"X: " + b"y" * 5000,
        ]
    ),
    max_size=5,
)
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/x", b""])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Complete heads of requests without a body, many of them invalid."""
    line = b" ".join((draw(METHODS), draw(TARGETS), draw(VERSIONS)))
    return b"\r\n".join((line, *draw(LINES), b"", b""))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(head=heads())
def test_every_complete_head_gets_one_whole_answer(server, head: bytes) -> None:
    with RawClient(server.url) as alone:
        status = alone.ask(head).status
    with RawClient(server.url) as later:
        answers = later.answers(GOOD + head + LAST)
    statuses = [answer.status for answer in answers]
    assert 100 < status < 600 and status != 500
    # A refused head ends the connection; a good one lets the next request have its answer.
    assert statuses in ([200, status], [200, status, 200])
    assert b"Traceback" not in server.log.read_bytes()
