"""`tidecast begin` and `tidecast migrate`: what a cluster runs before anything else."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cli.candle_files import read_candles
from cli.replaying import SAMPLE
from tests.integration.cli.conftest import MARKET, NOW, Home
from tidecast.clock import SimulatedClock
from tidecast.exchange import ReplayExchange
from tidecast.exit_codes import ExitCode

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def exchange() -> Iterator[ReplayExchange]:
    candles = read_candles(SAMPLE, "1h", datetime.now(UTC)).candles
    clock = SimulatedClock(datetime.now(UTC), NOW, 1.0)
    replay = ReplayExchange(candles, clock, "127.0.0.1", 0, "BTC-USD", "1h")
    replay.start()
    yield replay
    replay.stop()


@pytest.fixture
def short_history(empty_home: Home, exchange: ReplayExchange) -> Home:
    """An empty store that a replay exchange can fill with enough candles for a training."""
    empty_home.variables.update(
        {
            "TIDECAST_INGESTION__REPLAY_URL": exchange.url,
            "TIDECAST_INGESTION__HISTORY_DAYS": "100",
            "TIDECAST_TRAINING__TRAIN_DAYS": "90",
        }
    )
    return empty_home


def test_begin_makes_a_champion_from_nothing(short_history: Home) -> None:
    result = short_history.run("begin")
    assert result.exit_code == 0, result.output
    with short_history.store() as store:
        promotion = store.promotions.newest(MARKET)
        assert promotion is not None
        assert f"version {promotion.version} is champion" in result.output


def test_begin_leaves_a_champion_alone(home: Home) -> None:
    result = home.run("begin")
    assert result.exit_code == 0, result.output
    assert "version 1 is champion" in result.output
    with home.store() as store:
        assert len(store.promotions.history(MARKET, limit=5)) == 1
        assert store.retrainings.newest(MARKET) is None


def test_begin_without_a_source_says_to_try_later(empty_home: Home) -> None:
    empty_home.variables["TIDECAST_INGESTION__REPLAY_URL"] = "http://127.0.0.1:9"
    result = empty_home.run("begin")
    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "no source gives candles" in result.output


def test_begin_waits_for_what_is_away(empty_home: Home) -> None:
    empty_home.variables["TIDECAST_INGESTION__REPLAY_URL"] = "http://127.0.0.1:9"
    result = empty_home.run("begin", "--wait", "3")
    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "trying again" in result.output


def test_begin_trains_the_market_of_its_index(home: Home) -> None:
    (first,) = json.loads(home.variables["TIDECAST_MARKETS"])
    other = {**first, "symbol": "ETH-USD"}
    home.variables["TIDECAST_MARKETS"] = json.dumps([other, first])
    home.variables["JOB_COMPLETION_INDEX"] = "1"
    result = home.run("begin")
    assert result.exit_code == 0, result.output
    assert "BTC-USD:1h: version 1" in result.output


@pytest.mark.parametrize("failing_first", [True, False])
def test_begin_goes_on_with_the_other_markets_when_one_fails(
    home: Home, failing_first: bool
) -> None:
    (good,) = json.loads(home.variables["TIDECAST_MARKETS"])
    failing = {**good, "symbol": "ETH-USD"}
    markets = [failing, good] if failing_first else [good, failing]
    home.variables["TIDECAST_MARKETS"] = json.dumps(markets)
    home.variables["TIDECAST_INGESTION__REPLAY_URL"] = "http://127.0.0.1:9"
    result = home.run("begin")
    assert "BTC-USD:1h: version 1 is champion" in result.stdout
    assert "error: ETH-USD:1h: no source gives candles" in result.stderr


def test_begin_ends_with_the_code_of_the_worst_failure(empty_home: Home) -> None:
    (away,) = json.loads(empty_home.variables["TIDECAST_MARKETS"])
    needs_key = [{"exchange": "cryptocompare", "pair": "ETH-USD"}]
    refused = {**away, "symbol": "ETH-USD", "sources": needs_key}
    empty_home.variables["TIDECAST_MARKETS"] = json.dumps([refused, away])
    empty_home.variables["TIDECAST_INGESTION__REPLAY_URL"] = "http://127.0.0.1:9"
    result = empty_home.run("begin")
    failed = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split()[1] for line in failed] == ["ETH-USD:1h:", "BTC-USD:1h:"]
    assert "try again later" in failed[1]
    assert result.exit_code == ExitCode.CONFIGURATION


def test_begin_with_an_empty_store_beside_a_registry_with_a_champion_says_so(home: Home) -> None:
    (home.folder / "tidecast.db").write_bytes(b"")
    home.variables["TIDECAST_INGESTION__REPLAY_URL"] = "http://127.0.0.1:9"
    result = home.run("begin")
    assert "the store is empty, but version 1 is champion in the registry" in result.output
    assert "restore the store from a backup" in result.output


def test_begin_refuses_an_index_without_a_market(home: Home) -> None:
    home.variables["JOB_COMPLETION_INDEX"] = "1"
    result = home.run("begin")
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "as many completions" in result.output


def test_migrate_makes_the_tables_and_may_be_repeated(empty_home: Home) -> None:
    for _ in range(2):
        result = empty_home.run("migrate")
        assert result.exit_code == 0, result.output
    with empty_home.store() as store:
        assert store.promotions.newest(MARKET) is None


def test_migrate_says_which_database_is_away(empty_home: Home) -> None:
    empty_home.variables["TIDECAST_DATABASE_URL"] = "postgresql://127.0.0.1:9/tidecast"
    result = empty_home.run("migrate")
    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "127.0.0.1:9" in result.output
