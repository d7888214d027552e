"""What only CoinCap does: pages as documented and as seen in real life."""

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceAnswerInvalid, SourceRefused

DEPRECATED = {
    "data": {
        "message": "We are deprecating this version of the CoinCap API on March 31, 2025. Sign up "
        "for our new V3 API at https://pro.coincap.io/dashboard"
    },
    "timestamp": 1744796832910,
}


def test_coincap_deprecation_notice_is_a_refusal(ask):
    with pytest.raises(SourceRefused, match="deprecating"):
        ask("coincap", "binance/bitcoin/tether", DEPRECATED, at(1744700400))


@pytest.mark.parametrize("status", [404, 410])
def test_coincap_without_candles_is_a_refusal(status, ask):
    with pytest.raises(SourceRefused, match="no honest candle"):
        ask("coincap", "binance/bitcoin/tether", {"error": "Not Found"}, at(0), status=status)


def test_coincap_single_prices_are_no_candles(ask):
    rows = [{"priceUsd": "6379.399", "time": 1530403200000, "date": "2018-07-01T00:00:00.000Z"}]
    with pytest.raises(SourceAnswerInvalid, match="no field 'open'"):
        ask("coincap", "binance/bitcoin/tether", {"data": rows}, at(1530403200))


def test_coincap_is_asked_with_the_key_in_a_header(ask, server):
    ask("coincap", "binance/bitcoin/tether", {"data": []}, at(1530403200), api_key="K")
    assert server.asked[0].headers["Authorization"] == "Bearer K"
    assert server.asked[0].query["baseId"] == "bitcoin"
