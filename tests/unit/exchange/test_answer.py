from datetime import UTC, datetime, timedelta

import pytest

from tidecast.errors import SourceAnswerInvalid
from tidecast.exchange.answer import Answer

DATE = "Sat, 29 Mar 2025 10:00:00 GMT"
AT = datetime(2025, 3, 29, 10, tzinfo=UTC)


def answer(body=b"{}", status=200, seconds=0.0, **headers):
    return Answer("x", status, body, {"date": DATE, **headers}, seconds)


def test_server_time_is_the_date_of_the_answer():
    assert answer(seconds=0.9).server_time == AT


def test_server_time_is_earlier_by_the_age_of_a_cached_answer():
    assert answer(age="30").server_time == AT - timedelta(seconds=30)


def test_server_time_is_earlier_by_the_seconds_an_answer_took():
    assert answer(seconds=2.7).server_time == AT - timedelta(seconds=2)


@pytest.mark.parametrize("age", ["old", "-5", "", "1.5", "9" * 30])
def test_server_time_passes_over_an_unreadable_age(age):
    assert answer(age=age).server_time == AT


def test_retry_after_as_date_is_measured_by_the_clock_of_the_source():
    found = answer(**{"retry-after": "Sat, 29 Mar 2025 10:02:00 GMT"})
    assert found.retry_after_seconds == 120


def test_retry_after_as_date_of_the_past_is_zero():
    assert answer(**{"retry-after": "Sat, 29 Mar 2025 09:00:00 GMT"}).retry_after_seconds == 0


def test_excerpt_is_one_short_printable_line():
    text = answer(b"<html>\n\x00\x1b[31m" + b"x" * 1000).excerpt
    assert text.isprintable()
    assert len(text) == 300


def test_excerpt_says_that_a_body_is_empty():
    assert answer(b"").excerpt == "(empty body)"


def test_json_object_is_empty_for_anything_else():
    assert answer(b"[1]").json_object() == {}
    assert answer(b"<html>").json_object() == {}


@pytest.mark.parametrize("body", [b"{", b"", b"<html>", b'{"a": [1, 2', b"\xff"])
def test_json_refuses_what_is_not_json(body):
    with pytest.raises(SourceAnswerInvalid, match="not JSON"):
        answer(body).json()


def test_at_follows_keys_and_positions():
    found = answer(b'{"a": [{"b": 7}]}')
    assert found.at("a", 0, "b") == 7
    assert found.at("a", 1, "b") is None
    assert found.at("b", 0) is None


def test_list_at_names_the_place_where_no_list_is():
    with pytest.raises(SourceAnswerInvalid, match="at data/ohlc"):
        answer(b'{"data": {}}').list_at("data", "ohlc")
