"""What only Binance does: pages as documented and as seen in real life."""

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceRefused, UnknownPair
from tidecast.exchange.session import SourceBanned

HTML = b"<!DOCTYPE html><html><body>Not found</body></html>"

KLINE = [
    1499040000000,
    "0.01634790",
    "0.80000000",
    "0.01575800",
    "0.01577100",
    "148976.11427815",
    1499126399999,
    "2434.19055334",
    308,
    "1756.87402397",
    "28.46694368",
    "0",
]
BAN = {
    "code": -1003,
    "msg": "Way too much request weight used; IP banned until 1750000000000. Please use WebSocket "
    "Streams for live updates to avoid bans.",
}
RESTRICTED = {
    "code": 0,
    "msg": "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms.",
}


def test_binance_reads_the_documented_row(ask):
    page = ask("binance", "LTCBTC", [KLINE], at(1499040000))
    assert page.candles.index[0] == at(1499040000)
    row = [0.0163479, 0.8, 0.015758, 0.015771, 148976.11427815]
    assert page.candles.iloc[0].tolist() == row


def test_binance_asks_the_exact_window_in_milliseconds(ask, server):
    ask("binance", "BTCUSDT", [], at(1499040000), hours=3)
    (asked,) = server.asked
    assert asked.path == "/api/v3/klines"
    assert asked.query == {
        "symbol": "BTCUSDT",
        "interval": "1h",
        "startTime": "1499040000000",
        "endTime": str(1499040000000 + 3 * 3_600_000 - 1),
        "limit": "1000",
    }


@pytest.mark.parametrize("code", [-1121, -1120])
def test_binance_does_not_know_the_pair(code, ask):
    with pytest.raises(UnknownPair, match="BTCUSD"):
        ask("binance", "BTCUSD", {"code": code, "msg": "Invalid."}, at(1499040000), status=400)


def test_binance_bans_with_its_own_body(ask):
    with pytest.raises(SourceBanned, match="IP banned until") as caught:
        ask("binance", "BTCUSDT", BAN, at(0), status=418, headers={"Retry-After": "120"})
    assert caught.value.retry_after_seconds == 120


def test_binance_refuses_restricted_regions(ask):
    with pytest.raises(SourceRefused, match="restricted location"):
        ask("binance", "BTCUSDT", RESTRICTED, at(0), status=451)


def test_binance_firewall_refuses_with_html(ask):
    with pytest.raises(SourceRefused, match="403"):
        ask("binance", "BTCUSDT", HTML, at(0), status=403)
