"""What only CoinPaprika does: pages as documented and as seen in real life."""

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceRefused, UnknownPair

PLAN = {
    "error": "Getting historical OHLCV data before 2026-09-17 03:59:32.385856048 +0000 UTC is not "
    "allowed in this plan. Check plans on coinpaprika.com/api"
}


@pytest.mark.parametrize("status", [400, 402])
def test_coinpaprika_plan_limit_is_a_refusal_that_names_the_key(status, ask):
    setting = "set TIDECAST_INGESTION__COINPAPRIKA_API_KEY"
    with pytest.raises(SourceRefused, match=f"not allowed in this plan.*{setting}"):
        pair = "btc-bitcoin/usd"
        ask("coinpaprika", pair, PLAN, at(0), 24, "1d", status=status, api_key=None)


def test_coinpaprika_does_not_know_the_coin(ask):
    with pytest.raises(UnknownPair, match="id not found"):
        ask("coinpaprika", "x-x/usd", {"error": "id not found"}, at(0), 24, "1d", status=404)


def test_coinpaprika_volume_is_turned_into_coins(ask):
    row = {
        "time_open": "2020-01-01T00:00:00Z",
        "time_close": "2020-01-01T23:59:59Z",
        "open": 7166.3,
        "high": 7237.9,
        "low": 7150.4,
        "close": 7200.0,
        "volume": 14400.0,
        "market_cap": 130_580_000_000,
    }
    page = ask("coinpaprika", "btc-bitcoin/usd", [row], at(1577836800), 24, "1d")
    assert page.candles.iloc[0].tolist() == [7166.3, 7237.9, 7150.4, 7200.0, 2.0]
