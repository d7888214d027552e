"""What only Yahoo does: pages as documented and as seen in real life."""

from datetime import timedelta

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceAnswerInvalid, SourceRefused, SourceThrottled, UnknownPair

NO_SUCH_HISTORY = {
    "chart": {
        "result": None,
        "error": {
            "code": "Unprocessable Entity",
            "description": "1h data not available for startTime=1664582400 and endTime=1705276800."
            " The requested range must be within the last 730 days.",
        },
    }
}


def chart(times, closes, volumes=None):
    quote = {name: list(closes) for name in ("open", "high", "low", "close")}
    quote["volume"] = volumes or [0] * len(times)
    result = {"meta": {}, "timestamp": times, "indicators": {"quote": [quote]}}
    return {"chart": {"result": [result], "error": None}}


MAY = 1716768000


def test_yahoo_live_quote_off_the_grid_is_no_candle(ask):
    answer = chart([MAY, MAY + 3600, MAY + 3600 + 3120], [10.0, 11.0, 11.5])
    page = ask("yahoo", "BTC-USD", answer, at(MAY))
    assert list(page.candles["close"]) == [10.0, 11.0]
    assert page.problems == ()


def test_yahoo_hour_without_a_quote_is_missing(ask):
    answer = chart([MAY, MAY + 3600, MAY + 7200], [10.0, None, 12.0], [0, None, 0])
    page = ask("yahoo", "BTC-USD", answer, at(MAY))
    assert list(page.candles.index) == [at(MAY), at(MAY + 7200)]
    assert page.problems == ()


def test_yahoo_volume_is_turned_into_coins(ask):
    page = ask("yahoo", "BTC-USD", chart([MAY], [50.0], [1000]), at(MAY))
    assert list(page.candles["volume"]) == [20.0]


def test_yahoo_history_is_asked_no_further_back_than_it_reaches(make_source, server, reply):
    server.script.append(reply(chart([], [])))
    end = at(MAY)
    make_source("yahoo").fetch("BTC-USD", "1h", end - timedelta(days=900), end)
    assert server.asked[0].query["period1"] == str(MAY - 729 * 86400)


def test_yahoo_history_out_of_reach_is_a_refusal(ask):
    with pytest.raises(SourceRefused, match="within the last 730 days"):
        ask("yahoo", "BTC-USD", NO_SUCH_HISTORY, at(MAY), status=422)


def test_yahoo_does_not_know_the_symbol(ask):
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    with pytest.raises(UnknownPair, match="delisted"):
        ask("yahoo", "X-USD", {"chart": {"result": None, "error": error}}, at(MAY), status=404)


def test_yahoo_window_without_any_quote_is_empty(ask):
    answer = {"chart": {"result": [{"meta": {}, "indicators": {"quote": [{}]}}], "error": None}}
    assert ask("yahoo", "BTC-USD", answer, at(MAY)).candles.empty


def test_yahoo_columns_of_unequal_length_are_refused(ask):
    with pytest.raises(SourceAnswerInvalid, match="unequal length"):
        ask("yahoo", "BTC-USD", chart([MAY, MAY + 3600], [1.0]), at(MAY))


def test_yahoo_throttles_in_plain_text(ask):
    with pytest.raises(SourceThrottled, match="Edge: Too Many Requests"):
        ask("yahoo", "BTC-USD", b"Edge: Too Many Requests", at(MAY), status=429)
