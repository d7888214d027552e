"""What only CryptoCompare does: pages as documented and as seen in real life."""

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceAnswerInvalid, SourceRefused, SourceThrottled, UnknownPair

NO_KEY = {
    "Data": {},
    "Err": {
        "type": 2,
        "message": "API key required, please refer to the documentation",
        "http_status_code": 401,
    },
}


def cryptocompare_error(message):
    return {"Response": "Error", "Message": message, "Type": 99, "RateLimit": {}, "Data": {}}


def test_cryptocompare_is_asked_with_the_key_in_a_header(ask, server):
    answer = {"Response": "Success", "Data": {"Data": []}}
    ask("cryptocompare", "BTC-USD", answer, at(1699999200), hours=24, api_key="K")
    (asked,) = server.asked
    assert asked.path == "/data/v2/histohour"
    assert asked.headers["Authorization"] == "Apikey K"
    assert asked.query["limit"] == "23"
    assert asked.query["toTs"] == str(1699999200 + 23 * 3600)


def test_cryptocompare_builds_five_minutes_of_minutes(ask, server):
    answer = {"Response": "Success", "Data": {"Data": []}}
    ask("cryptocompare", "BTC-USD", answer, at(1699999200), interval="5m")
    assert server.asked[0].path == "/data/v2/histominute"
    assert server.asked[0].query["aggregate"] == "5"


def test_cryptocompare_rows_of_zeros_are_no_candles(ask):
    zeros = dict.fromkeys(("open", "high", "low", "close", "volumefrom", "volumeto"), 0)
    rows = [{"time": 1699999200, **zeros}]
    answer = {"Response": "Success", "Data": {"Data": rows}}
    page = ask("cryptocompare", "BTC-USD", answer, at(1699999200))
    assert page.candles.empty
    assert page.problems == ()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("You are over your rate limit please upgrade your account!", SourceThrottled),
        ("You need a valid API key to access this endpoint", SourceRefused),
        ("There is no data for the symbol X .", UnknownPair),
        ("CCCAGG market does not exist for this coin pair (X-USD)", UnknownPair),
        ("limit is larger than max value.", SourceAnswerInvalid),
    ],
)
def test_cryptocompare_errors_come_with_http_200(message, expected, ask):
    with pytest.raises(expected):
        ask("cryptocompare", "X-USD", cryptocompare_error(message), at(1699999200))


def test_cryptocompare_refused_key_names_its_setting(ask):
    setting = "check the key in TIDECAST_INGESTION__CRYPTOCOMPARE_API_KEY"
    with pytest.raises(SourceRefused, match=setting):
        ask("cryptocompare", "BTC-USD", NO_KEY, at(0), status=401)


@pytest.mark.parametrize(
    ("name", "pair", "setting"),
    [
        ("cryptocompare", "BTC-USD", "TIDECAST_INGESTION__CRYPTOCOMPARE_API_KEY"),
        ("coincap", "binance/bitcoin/tether", "TIDECAST_INGESTION__COINCAP_API_KEY"),
    ],
)
@pytest.mark.parametrize("key", [None, ""])
def test_missing_key_is_named_without_a_request(key, name, pair, setting, make_source, server):
    source = make_source(name, api_key=key)
    with pytest.raises(SourceRefused, match=f"set {setting}"):
        source.fetch(pair, "1h", at(0), at(3600))
    assert server.asked == []


@pytest.mark.parametrize(
    ("name", "pair", "interval"),
    [
        ("cryptocompare", "BTCUSD", "1h"),
        ("coincap", "bitcoin", "1h"),
        ("coinpaprika", "btc-bitcoin", "1d"),
        ("coinpaprika", "btc-bitcoin/usd", "1h"),
    ],
)
def test_pair_or_interval_that_cannot_be_is_refused_without_a_request(
    name, pair, interval, make_source, server
):
    with pytest.raises(UnknownPair, match=pair):
        make_source(name).fetch(pair, interval, at(0), at(86400))
    assert server.asked == []
