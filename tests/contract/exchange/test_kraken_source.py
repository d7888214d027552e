"""What only Kraken does: pages as documented and as seen in real life."""

from datetime import timedelta

import pytest

from tests.contract.exchange.scripted_server import at
from tidecast.errors import SourceAnswerInvalid, SourceThrottled, SourceUnavailable, UnknownPair

HOUR = timedelta(hours=1)

KRAKEN_ROW = [1700000000, "37000.0", "37500.0", "36800.0", "37200.0", "37100.0", "150.5", 320]


def kraken(rows, last=1700086400, **more):
    return {"error": [], "result": {"XXBTZUSD": rows, "last": last}, **more}


def test_kraken_takes_volume_and_not_the_average_price(ask):
    page = ask("kraken", "XBTUSD", kraken([KRAKEN_ROW]), at(1700000000 - 1700000000 % 3600))
    assert page.candles.iloc[0].tolist() == [37000.0, 37500.0, 36800.0, 37200.0, 150.5]


def test_kraken_is_asked_for_rows_after_the_second_before_the_start(ask, server):
    ask("kraken", "XBTUSD", kraken([]), at(1699999200))
    assert server.asked[0].query == {"pair": "XBTUSD", "interval": "60", "since": "1699999199"}


def test_kraken_candle_after_the_last_committed_one_is_left_out(ask):
    begin = 1699999200
    rows = [[begin + i * 3600, *KRAKEN_ROW[1:]] for i in range(3)]
    page = ask("kraken", "XBTUSD", kraken(rows, last=begin + 3600), at(begin))
    assert list(page.candles.index) == [at(begin), at(begin + 3600)]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (["EQuery:Unknown asset pair"], UnknownPair),
        (["EGeneral:Invalid arguments"], UnknownPair),
        (["EService:Unavailable"], SourceUnavailable),
        (["EService:Busy"], SourceUnavailable),
        (["EService:Market in cancel_only mode"], SourceUnavailable),
        (["EGeneral:Unknown error"], SourceUnavailable),
        (["EGeneral:Too many requests"], SourceThrottled),
        (["EGeneral:Temporary lockout"], SourceThrottled),
        (["WGeneral:Deprecated", "EService:Busy"], SourceUnavailable),
        (["EOrder:Something new"], SourceAnswerInvalid),
    ],
)
def test_kraken_errors_come_with_http_200(errors, expected, ask):
    with pytest.raises(expected, match="kraken answered E"):
        ask("kraken", "XBTUSD", {"error": errors}, at(1699999200))


def test_kraken_warning_is_no_error(ask):
    answer = kraken([KRAKEN_ROW], error=["WGeneral:Something"])
    assert len(ask("kraken", "XBTUSD", answer, at(1699999200)).candles) == 1


def test_kraken_is_left_alone_for_five_seconds_when_it_throttles(
    server, make_source, sleeps, reply
):
    throttled = reply({"error": ["EGeneral:Too many requests"]})
    server.script += [throttled, reply(kraken([]))]
    make_source("kraken").fetch("XBTUSD", "1h", server.now, server.now + HOUR)
    assert sleeps[0] >= 5
