"""status, promote, rollback, train, ingest."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from cli.replaying import ROOT
from tests.integration.cli.conftest import MARKET
from tidecast.candles import Quarantined
from tidecast.price_jumps import JUMP_REASON
from tidecast.timeframes import Market


def test_status_tells_candles_and_champion(home):
    status = home.json("status")
    (market,) = status["markets"]
    assert status["simulated"] is True
    assert (market["market"], market["candles"], market["gaps"]) == ("BTC-USD:1h", 2400, 0)
    assert (market["newest"], market["champion"]) == ("2019-05-31T23:00:00Z", "1")
    assert 600 <= market["data_age_seconds"] < 700
    assert market["forced"] is False


def test_status_for_people_says_what_is_missing(empty_home):
    result = empty_home.run("status")
    assert result.exit_code == 0
    assert "none yet: tidecast ingest" in result.stdout
    assert "none yet: tidecast train" in result.stdout


def test_status_says_that_candles_are_held_back(home):
    with home.store() as store:
        newest = store.candles.newest(MARKET)
        row = '{"open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}'
        suspect = Quarantined(newest.open_time + MARKET.length, row, JUMP_REASON)
        store.candles.quarantine(MARKET, newest.source, [suspect], newest.first_seen_at)
    assert home.json("status")["markets"][0]["held_back_candles"] == 1
    assert "1 held back: unconfirmed jump" in home.run("status").stdout


def test_promote_broken_then_rollback(home):
    broken = home.json("promote", "BTC-USD", "--force", "--broken")
    assert (broken["version"], broken["previous"], broken["forced"]) == ("2", "1", True)
    assert broken["reason"] == "BROKEN ON PURPOSE: copy of version 1"
    assert home.json("status")["markets"][0]["forced"] is True
    back = home.json("rollback", "BTC-USD")
    assert (back["version"], back["previous"]) == ("1", "2")


def test_broken_champion_is_narrow_and_too_high_then_too_low_around_the_same_mean(home):
    def steps():
        return home.json("forecast", "BTC-USD", "--horizon", "2")["steps"]

    def median(step):
        return step["quantiles"]["0.5"]

    def half(step):
        return step["quantiles"]["0.75"] - step["quantiles"]["0.25"]

    sound = steps()
    home.json("promote", "BTC-USD", "--force", "--broken")
    broken = steps()
    assert all(half(one) < 0.5 * half(other) for one, other in zip(broken, sound, strict=True))
    assert median(broken[0]) > median(sound[0])
    assert median(broken[1]) < median(sound[1])
    assert [one["mean"] for one in broken] == pytest.approx([one["mean"] for one in sound])


def test_promote_refuses_what_the_gate_did_not_pass(home):
    home.json("promote", "BTC-USD", "--force", "--broken")
    home.json("rollback", "BTC-USD")
    result = home.run("promote", "BTC-USD", "2")
    assert result.exit_code == 65
    assert "never judged" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["BTC-USD", "9"], "no version 9"),
        (["BTC-USD"], "which version?"),
        (["BTC-USD", "--broken"], "with --force only"),
        (["BTC-USD", "1", "--force", "--broken"], "which version?"),
    ],
)
def test_promote_says_what_is_wrong_with_the_question(home, arguments, words):
    result = home.run("promote", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_rollback_without_a_champion_before_is_refused(home):
    result = home.run("rollback", "BTC-USD")
    assert result.exit_code == 65
    assert "no earlier champion" in result.stderr


def test_train_without_candles_exits_66_and_is_recorded(empty_home):
    result = empty_home.run("train", "BTC-USD")
    assert result.exit_code == 66
    assert "ingest more history" in result.stderr
    last = empty_home.json("status")["markets"][0]["last_retraining"]
    assert last["status"] == "failed"


def test_train_beside_another_training_of_the_market_waits(home):
    now = datetime(2019, 6, 1, 0, 10, tzinfo=UTC)
    with home.store() as store:
        store.retrainings.claim(Market("BTC-USD", "1h"), "other", "test", now, 900.0)
    result = home.run("train", "BTC-USD")
    assert result.exit_code == 69
    assert "another training of BTC-USD:1h runs" in result.stderr


TRAINING = """
import sys, time
from pathlib import Path
from tidecast.timeframes import Market
from training.process_lock import TrainingLocks
with TrainingLocks(Path(sys.argv[1])).held(Market("BTC-USD", "1h"), "other"):
    print("trains", flush=True)
    time.sleep(60)
"""


def test_train_after_a_training_that_was_killed_takes_its_turn(empty_home):
    now = datetime(2019, 6, 1, 0, 10, tzinfo=UTC)
    market = Market("BTC-USD", "1h")
    with empty_home.store() as store:
        store.migrate()
        store.retrainings.claim(market, "other", "test", now, 1e9)
    command = [sys.executable, "-c", TRAINING, str(empty_home.folder / "trainings")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as training:
        assert training.stdout.readline() == "trains\n"
        assert empty_home.run("train", "BTC-USD").exit_code == 69
        training.kill()
    # It goes on to the next thing that is missing here.
    assert empty_home.run("train", "BTC-USD").exit_code == 66
    with empty_home.store() as store:
        ends = {one.window: one.detail for one in store.retrainings.history(market)}
    assert ends["other"] == "its process was killed"


def test_damaged_store_is_64_and_says_to_restore_it(home):
    (home.folder / "tidecast.db").write_bytes(b"no database" * 1000)
    result = home.run("status")
    assert result.exit_code == 64
    assert "restore it from a backup" in result.stderr
    assert "try again later" not in result.stderr


def test_migrate_does_not_wait_for_a_damaged_store(home):
    (home.folder / "tidecast.db").write_bytes(b"no database" * 1000)
    result = home.run("migrate", "--wait", "60")
    assert result.exit_code == 64
    assert "trying again" not in result.stderr


def test_ingest_without_an_exchange_exits_69_and_says_why(home):
    result = home.run("ingest", "--json")
    assert result.exit_code == 69
    assert "replay:BTC-USD" in result.stdout


def test_wrong_setting_is_one_line_and_64(home):
    home.variables["TIDECAST_HORIZON"] = "0"
    result = home.run("status")
    assert result.exit_code == 64
    assert result.stderr.startswith("error: TIDECAST_HORIZON: ")
    assert len(result.stderr.splitlines()) == 1
