"""What only Coinbase does: pages as documented and as seen in real life."""

from datetime import datetime, timedelta

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceAnswerInvalid, UnknownPair

HOUR = timedelta(hours=1)


def test_coinbase_reads_low_high_open_close(ask):
    rows = [[1591516800, 1.0, 4.0, 2.0, 3.0, 0.5], [1591513200, 0.25, 0.75, 0.5, 0.6, 0.028]]
    page = ask("coinbase", "BTC-USD", rows, at(1591513200))
    newest = page.candles.loc[at(1591516800)]
    assert newest.tolist() == [2.0, 4.0, 1.0, 3.0, 0.5]


def test_coinbase_never_asks_more_than_300_candles(serve_coinbase, server):
    serve_coinbase(1000)
    for asked in server.asked:
        start, end = (datetime.fromisoformat(asked.query[name]) for name in ("start", "end"))
        assert (end - start) / HOUR <= 299
    assert len(server.asked) == 4


@pytest.fixture
def serve_coinbase(server, make_source, reply):
    def fetch(hours):
        server.play = lambda asked: reply([])
        begin = at(1591513200)
        return make_source("coinbase").fetch("BTC-USD", "1h", begin, begin + hours * HOUR)

    return fetch


def test_coinbase_does_not_know_the_product(ask):
    with pytest.raises(UnknownPair, match="NotFound"):
        ask("coinbase", "X-USD", {"message": "NotFound"}, at(0), status=404)


def test_coinbase_says_that_a_window_is_too_long(ask):
    message = (
        "granularity too small for the requested time range. "
        "Count of aggregations requested exceeds 300"
    )
    with pytest.raises(SourceAnswerInvalid, match="exceeds 300"):
        ask("coinbase", "BTC-USD", {"message": message}, at(0), status=400)


def test_coinbase_is_asked_by_name(ask, server):
    ask("coinbase", "BTC-USD", [], at(1591513200))
    assert "tidecast" in server.asked[0].headers["User-Agent"]
