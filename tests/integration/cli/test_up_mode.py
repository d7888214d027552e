import socket
import time
from datetime import UTC, datetime

import pytest

from cli.replaying import SAMPLE, start_exchange
from cli.up.mode import PROBE_SECONDS, reachable_exchange
from cli.up.ports import check_port_free
from cli.up.replay_settings import replay_variables, resume_instant
from tidecast.clock import SimulatedClock
from tidecast.errors import ConfigurationError
from tidecast.settings import (
    IngestionSettings,
    MarketSettings,
    Settings,
    SourceSettings,
    load_settings,
)
from tidecast.store import Store
from tidecast.timeframes import Market

NOW = datetime(2019, 8, 1, 0, 30, tzinfo=UTC)


def _settings(url):
    source = SourceSettings(exchange="replay", pair="BTC-USD")
    market = MarketSettings(symbol="BTC-USD", sources=(source,))
    return Settings(markets=(market,), ingestion=IngestionSettings(replay_url=url))


@pytest.fixture
def clock():
    return SimulatedClock(datetime.now(UTC), NOW, speed=1.0)


@pytest.fixture
def exchange(clock):
    replay = start_exchange(clock)
    yield replay.exchange
    replay.exchange.stop()


def test_exchange_that_answers_with_candles_is_found(exchange):
    assert reachable_exchange(_settings(exchange.url), NOW) == "replay"


def test_exchange_that_fails_is_not_used(exchange):
    exchange.outage = (NOW.replace(hour=0), NOW.replace(hour=23))
    assert reachable_exchange(_settings(exchange.url), NOW) is None


def test_port_where_nobody_listens_is_no_exchange():
    assert reachable_exchange(_settings("http://127.0.0.1:9"), NOW) is None


@pytest.mark.slow
def test_exchange_that_never_answers_costs_bounded_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert reachable_exchange(_settings(url), NOW) is None
        assert time.monotonic() - started < PROBE_SECONDS + 1


def test_replay_begins_at_its_start_and_goes_on_at_the_newest_candle(tmp_path):
    from cli.candle_files import read_candles

    begin = resume_instant(tmp_path)
    candles = read_candles(SAMPLE, "1h", datetime.now(UTC)).candles
    with Store(f"sqlite:///{tmp_path / 'tidecast.db'}") as store:
        store.migrate()
        store.candles.upsert(
            Market("BTC-USD", "1h"), candles.iloc[:5], "replay:BTC-USD", lambda: NOW
        )
    assert begin == datetime(2019, 8, 1, tzinfo=UTC)
    assert resume_instant(tmp_path) == datetime(2018, 1, 1, 5, 0, 1, tzinfo=UTC)


def test_replay_variables_give_all_processes_one_clock_and_a_folder_apart(
    tmp_path, clock, monkeypatch
):
    monkeypatch.setenv("TIDECAST_DATABASE_URL", "postgresql://live/database")
    for name, value in replay_variables(tmp_path, clock, "http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.clock.build() == clock
    assert settings.store_url == f"sqlite:///{tmp_path / 'tidecast.db'}"
    assert settings.tracking_uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert [str(one.market) for one in settings.markets] == ["BTC-USD:1h"]


def test_port_that_is_taken_is_refused_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match="--port"):
            check_port_free("127.0.0.1", port)
    check_port_free("127.0.0.1", port)
