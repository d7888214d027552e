"""What goes wrong between us and an exchange, and which error of the core it becomes."""

import socket
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest

from tidecast.errors import (
    ConfigurationError,
    InvalidParameter,
    SourceAnswerInvalid,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
    TidecastError,
)
from tidecast.exchange import SOURCES, build_source
from tidecast.exchange.session import MAX_BODY_BYTES, SourceBanned


@pytest.fixture
def good(dialect, reply):
    """A good answer of one candle."""
    return reply(dialect.page([dialect.candle(0)]))


def test_every_candle_source_speaks_in_these_tests(dialect_names):
    assert set(SOURCES) == {*dialect_names, "replay"}


def test_unknown_source_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationError, match="allowed: binance"):
        build_source(
            "mtgox",
            timeout_seconds=1,
            max_attempts=1,
            backoff_seconds=1,
            max_retry_after_seconds=1,
        )


def test_fetch_waits_as_retry_after_asks(server, fetch, sleeps, reply, good):
    server.script += [reply(status=429, headers={"Retry-After": "7"}), good]
    assert len(fetch(1).candles) == 1
    assert max(sleeps) >= 7


def test_fetch_understands_retry_after_as_a_date(server, fetch, sleeps, reply, good):
    at = format_datetime(server.now + timedelta(seconds=9), usegmt=True)
    server.script += [reply(status=503, headers={"Retry-After": at}), good]
    fetch(1)
    assert max(sleeps) >= 9


@pytest.mark.parametrize("text", ["soon", "-5", "1.5", "", "Wed, 99 Foo"])
def test_fetch_backs_off_by_itself_when_retry_after_is_unreadable(
    text, server, fetch, sleeps, reply, good
):
    server.script += [reply(status=429, headers={"Retry-After": text}), good]
    fetch(1)
    assert 0.5 <= sleeps[0] <= 1.0


def test_fetch_gives_up_at_once_when_retry_after_is_too_long(server, fetch, sleeps, reply):
    server.script.append(reply(status=429, headers={"Retry-After": "61"}))
    with pytest.raises(SourceThrottled) as caught:
        fetch(1)
    assert caught.value.retry_after_seconds == 61
    assert len(server.asked) == 1
    assert sleeps == []


def test_fetch_gives_up_after_max_attempts_when_throttled(server, fetch, reply):
    server.script += [reply(status=429, headers={"Retry-After": "1"}) for _ in range(9)]
    with pytest.raises(SourceThrottled) as caught:
        fetch(1)
    assert caught.value.retry_after_seconds == 1
    assert len(server.asked) == 4


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "5"}, {"Retry-After": "259200"}])
def test_fetch_never_asks_again_when_banned(headers, server, fetch, sleeps, reply):
    server.script.append(reply({"code": -1003, "msg": "banned"}, status=418, headers=headers))
    with pytest.raises(SourceBanned, match="418"):
        fetch(1)
    assert len(server.asked) == 1
    assert sleeps == []


@pytest.mark.parametrize("status", [401, 402, 403, 451])
def test_fetch_is_refused_without_another_try(status, server, fetch, reply):
    server.script.append(reply(b"<html>no</html>", status=status))
    with pytest.raises(SourceRefused, match=f"HTTP {status}"):
        fetch(1)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_fetch_tries_again_when_the_exchange_fails(status, server, fetch, reply, good):
    server.script += [reply(status=status), reply(b"<html>", status=status), good]
    assert len(fetch(1).candles) == 1
    assert len(server.asked) == 3


def test_fetch_gives_up_after_max_attempts_when_the_exchange_fails(server, fetch, sleeps):
    with pytest.raises(SourceUnavailable, match="HTTP 500"):
        fetch(1)
    assert len(server.asked) == 4
    backoff = [seconds for seconds in sleeps if seconds < 30][:3]
    for pause, least in zip(sorted(backoff), (0.5, 1.0, 2.0), strict=True):
        assert least <= pause <= least + 0.5


def test_fetch_asks_once_when_one_attempt_is_allowed(server, fetch):
    with pytest.raises(SourceUnavailable):
        fetch(1, max_attempts=1)
    assert len(server.asked) == 1


@pytest.mark.parametrize("fault", ["cut body", "reset"])
def test_fetch_tries_again_when_the_connection_breaks(fault, server, fetch, reply, good):
    server.script += [reply(good.content, fault=fault), good]
    assert len(fetch(1).candles) == 1


@pytest.mark.parametrize("fault", ["cut body", "reset"])
def test_fetch_gives_up_when_the_connection_always_breaks(fault, server, fetch, reply, good):
    server.script += [reply(good.content, fault=fault) for _ in range(4)]
    with pytest.raises(SourceUnavailable, match="does not answer"):
        fetch(1)
    assert len(server.asked) == 4


@pytest.mark.parametrize("fault", ["silence", "drip body", "drip headers"])
def test_fetch_is_bounded_in_time(fault, server, fetch, reply):
    server.script.append(reply(b"[" + b" " * 200, fault=fault))
    started = time.monotonic()
    with pytest.raises(SourceUnavailable, match="does not answer"):
        fetch(1, timeout_seconds=0.05, max_attempts=1)
    assert time.monotonic() - started < 0.5


def test_fetch_gives_up_when_nothing_listens(fetch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(SourceUnavailable, match="refused"):
            fetch(1, base_url=url, max_attempts=2)


def test_fetch_refuses_a_body_without_end(server, fetch, reply):
    server.script.append(reply(b" " * (MAX_BODY_BYTES + 1)))
    with pytest.raises(SourceAnswerInvalid, match="not read on"):
        fetch(1)


BROKEN = [
    b"<!DOCTYPE html><html><body>Will be right back</body></html>",
    b"",
    b"[[1517443200, 1.0, 2.0, 1.5, 1.7, 3.0], [15174",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b"null",
    b"42",
    b'"candles"',
    b'{"unexpected": 1}',
    b'{"data": {"ohlc": {}}, "result": {}, "Data": {}, "chart": {}}',
    b'{"result": {"a": [], "b": []}}',
    b"[1, 2, 3]",
    b'{"chart": {"result": [{"timestamp": [1], "indicators": {"quote": [{"open": []}]}}]}}',
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_fetch_refuses_an_answer_of_another_shape(body, server, fetch, reply):
    server.script.append(reply(body))
    with pytest.raises(SourceAnswerInvalid):
        fetch(1)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 405, 410])
def test_fetch_follows_and_repeats_nothing_on_other_statuses(status, server, fetch, reply):
    answer = reply({"message": "?"}, status=status, headers={"Location": server.url})
    server.script.append(answer)
    with pytest.raises((SourceAnswerInvalid, SourceRefused)):
        fetch(1)
    assert len(server.asked) == 1


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_fetch_refuses_an_answer_without_a_readable_time(date, server, fetch, reply, good):
    server.script.append(reply(good.content, headers={"Date": date}))
    with pytest.raises(SourceAnswerInvalid, match="Date"):
        fetch(1)


def test_fetch_never_shows_the_key_in_an_error(server, fetch, reply):
    for status in (401, 418, 429, 400):
        server.script.append(reply(status=status))
        with pytest.raises(TidecastError) as caught:
            fetch(1, max_attempts=1)
        assert "secret-key" not in str(caught.value)
    assert all("secret-key" not in str(asked.query) for asked in server.asked)


def test_source_pauses_between_requests_beyond_its_burst(server, make_source, sleeps, reply):
    server.play = lambda asked: reply({"error": [], "result": {"XXBTZUSD": []}})
    source = make_source("kraken")
    for _ in range(14):
        source.fetch("XBTUSD", "1h", server.now, server.now + timedelta(hours=1))
    assert sum(sleeps) > 1


def test_fetch_refuses_an_interval_nobody_knows(dialect, make_source):
    source = make_source(dialect.name)
    begin = dialect.candle(0)["time"]
    with pytest.raises(TidecastError) as caught:
        source.fetch(dialect.pair, "7m", begin, begin + timedelta(days=1))
    assert isinstance(caught.value, InvalidParameter) or dialect.name == "coinpaprika"


def test_fetch_tells_about_a_long_pause(server, fetch, reply, good):
    told = []
    server.script += [reply(status=429, headers={"Retry-After": "30"}), good]
    fetch(1, notify=told.append)
    assert "waiting 30 s" in told[0]
