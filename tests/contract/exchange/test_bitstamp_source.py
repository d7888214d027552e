"""What only Bitstamp does: pages as documented and as seen in real life."""

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceThrottled, UnknownPair

HTML = b"<!DOCTYPE html><html><body>Not found</body></html>"

BITSTAMP_ROW = {
    "high": "9064.77",
    "timestamp": "1593961200",
    "volume": "18.49436608",
    "low": "9040.87",
    "close": "9064.77",
    "open": "9041.5",
}


def test_bitstamp_reads_the_documented_row(ask):
    answer = {"data": {"pair": "BTC/USD", "ohlc": [BITSTAMP_ROW]}}
    page = ask("bitstamp", "btcusd", answer, at(1593961200))
    row = [9041.5, 9064.77, 9040.87, 9064.77, 18.49436608]
    assert page.candles.iloc[0].tolist() == row


def test_bitstamp_is_asked_by_the_end_and_the_length_of_the_window(ask, server):
    ask("bitstamp", "btcusd", {"data": {"ohlc": []}}, at(1593961200), hours=24)
    (asked,) = server.asked
    assert asked.path == "/api/v2/ohlc/btcusd/"
    assert asked.query["limit"] == "24"
    assert asked.query["end"] == str(1593961200 + 24 * 3600 - 1)
    assert asked.query["exclude_current_candle"] == "true"


def test_bitstamp_does_not_know_the_pair(ask):
    with pytest.raises(UnknownPair, match="dogusd"):
        ask("bitstamp", "dogusd", HTML, at(0), status=404)


@pytest.mark.parametrize("status", [400, 403, 429])
def test_bitstamp_throttles_with_its_own_code(status, ask):
    with pytest.raises(SourceThrottled, match=r"400\.002"):
        ask("bitstamp", "btcusd", {"code": "400.002", "errors": []}, at(0), status=status)
