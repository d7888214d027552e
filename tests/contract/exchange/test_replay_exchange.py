from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

from tidecast.candles import COLUMNS, validate
from tidecast.errors import SourceUnavailable, UnknownPair
from tidecast.exchange import ReplayExchange, build_source

SAMPLE = Path(__file__).parents[3] / "sample" / "coinbase_btc_usd_1h_2018_2019.parquet"
START = datetime(2018, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class SetClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest.fixture(scope="module")
def candles():
    frame = pd.read_parquet(SAMPLE).set_index("timestamp").rename_axis("open_time")
    return frame[list(COLUMNS)].iloc[:1000]


@pytest.fixture
def clock():
    return SetClock(START + 700 * HOUR + timedelta(minutes=30))


@pytest.fixture
def exchange(candles, clock):
    exchange = ReplayExchange(candles, clock)
    exchange.start()
    yield exchange
    exchange.stop()


def source(exchange, max_attempts=1):
    return build_source(
        "replay",
        timeout_seconds=2,
        max_attempts=max_attempts,
        backoff_seconds=0.01,
        max_retry_after_seconds=1,
        base_url=exchange.url,
    )


def test_replay_serves_every_candle_once_over_many_pages(exchange, candles, clock):
    page = source(exchange).fetch("BTC-USD", "1h", START, clock.now())
    good, refused = validate(page.candles, "1h", page.server_time)
    assert refused == []
    pd.testing.assert_frame_equal(good, candles.iloc[:700], check_index_type=False)


def test_replay_shows_the_newest_candle_unfinished(exchange, candles, clock):
    page = source(exchange).fetch("BTC-USD", "1h", clock.now() - HOUR, clock.now() + 9 * HOUR)
    final = candles.iloc[700]
    newest = page.candles.iloc[-1]
    assert page.candles.index[-1] == START + 700 * HOUR
    assert newest["open"] == final["open"]
    assert newest["close"] == pytest.approx((final["open"] + final["close"]) / 2)
    assert newest["volume"] == pytest.approx(final["volume"] / 2)


def test_replay_tells_the_time_of_its_clock(exchange, clock):
    page = source(exchange).fetch("BTC-USD", "1h", START, START + HOUR)
    assert page.server_time == clock.now()
    assert requests.get(exchange.url + "/time", timeout=2).json()["epoch"] == (
        clock.now().timestamp()
    )


def test_replay_shows_a_new_candle_when_the_clock_passes_its_open_time(exchange, clock):
    ask = source(exchange)
    clock.at = START + 700 * HOUR - timedelta(seconds=1)
    before = ask.fetch("BTC-USD", "1h", START + 690 * HOUR, START + 710 * HOUR)
    clock.at = START + 700 * HOUR
    after = ask.fetch("BTC-USD", "1h", START + 690 * HOUR, START + 710 * HOUR)
    assert len(after.candles) == len(before.candles) + 1


def test_replay_answers_503_during_an_outage_and_serves_after_it(exchange, clock):
    exchange.outage = (clock.now(), clock.now() + HOUR)
    with pytest.raises(SourceUnavailable, match="503"):
        source(exchange, max_attempts=2).fetch("BTC-USD", "1h", START, START + HOUR)
    clock.at += HOUR
    assert len(source(exchange).fetch("BTC-USD", "1h", START, START + HOUR).candles) == 1


def test_replay_knows_only_its_pair(exchange):
    with pytest.raises(UnknownPair, match="DOGE-USD"):
        source(exchange).fetch("DOGE-USD", "1h", START, START + HOUR)


def test_replay_knows_only_its_interval(exchange):
    with pytest.raises(UnknownPair, match="granularity"):
        source(exchange).fetch("BTC-USD", "5m", START, START + HOUR)


def test_replay_refuses_windows_of_more_than_300_candles_as_coinbase_does(exchange):
    parameters = {"granularity": 3600, "start": 0, "end": 301 * 3600}
    url = f"{exchange.url}/products/BTC-USD/candles"
    response = requests.get(url, params=parameters, timeout=2)
    assert response.status_code == 400
    assert "exceeds 300" in response.json()["message"]


def test_replay_answers_newest_first_in_the_column_order_of_coinbase(exchange, candles):
    parameters = {"granularity": 3600, "start": "2018-01-01", "end": "2018-01-01T01:00:00Z"}
    url = f"{exchange.url}/products/BTC-USD/candles"
    rows = requests.get(url, params=parameters, timeout=2).json()
    expected = candles.iloc[[1, 0]][["low", "high", "open", "close", "volume"]].to_numpy()
    assert np.array_equal([row[1:] for row in rows], expected)


def test_sample_has_the_candles_its_readme_tells(candles):
    frame = pd.read_parquet(SAMPLE)
    assert len(frame) == 15_706
    assert (frame["timestamp"].diff().dropna() == HOUR).all()
    assert (frame["volume"] == 0).sum() == 24


def test_replay_heals_the_hours_of_an_outage_when_it_is_over(exchange, candles, clock):
    exchange.outage = (clock.now() - 30 * HOUR, clock.now())
    page = source(exchange).fetch("BTC-USD", "1h", clock.now() - 40 * HOUR, clock.now())
    good, _ = validate(page.candles, "1h", page.server_time)
    pd.testing.assert_frame_equal(good, candles.iloc[661:700], check_index_type=False)


def test_replay_that_is_stopped_answers_nobody(exchange):
    ask = source(exchange)
    ask.fetch("BTC-USD", "1h", START, START + HOUR)
    exchange.stop()
    with pytest.raises(SourceUnavailable, match="does not answer"):
        ask.fetch("BTC-USD", "1h", START, START + HOUR)
