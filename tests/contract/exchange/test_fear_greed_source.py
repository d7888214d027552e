from datetime import date

import pytest

from tidecast.errors import SourceAnswerInvalid, SourceThrottled, SourceUnavailable
from tidecast.exchange import fetch_fear_greed

TODAY = {
    "value": "47",
    "value_classification": "Neutral",
    "timestamp": "1777248000",
    "time_until_update": "25675",
}
YESTERDAY = {"value": "33", "value_classification": "Fear", "timestamp": "1777161600"}


def index(*rows, error=None):
    name = "Fear and Greed Index"
    return {"name": name, "data": list(rows), "metadata": {"error": error}}


@pytest.fixture
def fetch(server, sleeps):
    def ask(**settings):
        defaults = {
            "timeout_seconds": 2.0,
            "max_attempts": 2,
            "backoff_seconds": 0.5,
            "max_retry_after_seconds": 60.0,
            "base_url": server.url,
            "sleep": sleeps.append,
        }
        return fetch_fear_greed(**{**defaults, **settings})

    return ask


def test_fear_greed_comes_by_day_oldest_first(server, fetch, reply):
    server.script.append(reply(index(TODAY, YESTERDAY)))
    assert fetch() == [(date(2026, 4, 26), 33), (date(2026, 4, 27), 47)]


def test_fear_greed_day_comes_once_when_it_is_sent_twice(server, fetch, reply):
    server.script.append(reply(index(TODAY, TODAY)))
    assert len(fetch()) == 1


def test_fear_greed_does_not_depend_on_the_zone_of_the_machine(server, fetch, reply, timezone):
    timezone("America/New_York")
    server.script.append(reply(index(TODAY)))
    assert fetch() == [(date(2026, 4, 27), 47)]


def test_fear_greed_is_asked_for_as_many_days_as_wanted(server, fetch, reply):
    server.script.append(reply(index(TODAY)))
    fetch(days=5)
    assert server.asked[0].path == "/fng/"
    assert server.asked[0].query == {"limit": "5", "format": "json"}


def test_fear_greed_error_comes_with_http_200(server, fetch, reply):
    server.script.append(reply(index(error="unknown limit")))
    with pytest.raises(SourceAnswerInvalid, match="unknown limit"):
        fetch()


@pytest.mark.parametrize("value", ["101", "-1", "47.5", "nan", "", None, "Fear"])
def test_fear_greed_refuses_what_is_no_index(value, server, fetch, reply):
    server.script.append(reply(index(TODAY, {**YESTERDAY, "value": value})))
    with pytest.raises(SourceAnswerInvalid):
        fetch()


@pytest.mark.parametrize("row", [{}, [], 7, None, {"value": "40", "timestamp": "soon"}])
def test_fear_greed_refuses_rows_of_another_shape(row, server, fetch, reply):
    server.script.append(reply(index(row)))
    with pytest.raises(SourceAnswerInvalid):
        fetch()


@pytest.mark.parametrize("body", [b"<html></html>", b"", b"[]", b'{"data": {}}', b'{"data": ['])
def test_fear_greed_refuses_an_answer_of_another_shape(body, server, fetch, reply):
    server.script.append(reply(body))
    with pytest.raises(SourceAnswerInvalid):
        fetch()


def test_fear_greed_tries_again_and_gives_up(server, fetch, reply):
    server.script += [reply(status=503), reply(index(TODAY))]
    assert len(fetch()) == 1
    with pytest.raises(SourceUnavailable):
        fetch()


def test_fear_greed_throttled_for_too_long_is_given_up(server, fetch, reply):
    server.script.append(reply(status=429, headers={"Retry-After": "600"}))
    with pytest.raises(SourceThrottled):
        fetch()
