"""`tidecast forecast --cutoff`: a published forecast, computed again."""

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.champion import find_origin, load_champion, titles
from tidecast.clock import SimulatedClock
from tidecast.lifecycle.forecast import compute_forecast
from tidecast.registry import Registry
from tidecast.store import LoggedForecast
from tidecast.timeframes import Market, format_rfc3339

MARKET = Market("BTC-USD", "1h")
HOUR = timedelta(hours=1)


def publish(home: Any, cutoff: datetime) -> LoggedForecast:
    """Log a forecast as a service would have done five minutes after the cutoff."""
    registry = Registry(f"sqlite:///{home.folder / 'mlflow.db'}", home.folder / "models")
    issued_at = cutoff + timedelta(minutes=5)
    clock = SimulatedClock(datetime.now(cutoff.tzinfo), issued_at, 1e-9)
    with home.store() as store:
        title = titles(None, store.promotions.history(MARKET))[0]
        champion = load_champion(registry, MARKET, find_origin(registry, MARKET, title))
        computed = compute_forecast(
            store,
            MARKET,
            cutoff,
            champion.model,
            champion.calibration,
            title.version,
            clock,
        )
        assert store.forecasts.add(computed.logged, computed.basis)
    return computed.logged


@pytest.fixture
def cutoff(home: Any) -> datetime:
    with home.store() as store:
        newest = store.candles.newest(MARKET)
    return newest.open_time + MARKET.length


def tamper(home: Any, column: str) -> None:
    """Change one bit of a stored array."""
    connection = sqlite3.connect(home.folder / "tidecast.db")
    with connection:
        (blob,) = connection.execute(f"SELECT {column} FROM forecasts").fetchone()
        changed = bytes([blob[0] ^ 1]) + blob[1:]
        connection.execute(f"UPDATE forecasts SET {column} = ?", (changed,))
    connection.close()


def test_published_forecast_has_the_same_bits_after_its_candles_were_revised(home, cutoff):
    logged = publish(home, cutoff)
    with home.store() as store:
        candles = store.candles.read(MARKET, limit=100)
        store.candles.upsert(MARKET, candles * 1.01, "replay:BTC-USD", lambda: cutoff + HOUR)

    answer = home.json("forecast", "BTC-USD", "--cutoff", format_rfc3339(cutoff))

    assert answer["cutoff"] == format_rfc3339(cutoff)
    assert answer["steps"][0]["mean"] == logged.forecast.mean[0]
    assert answer["recomputation"] == {
        "same_bits": True,
        "issued_at": logged.issued_at.isoformat(),
        "calibrated_at": None,
        "differences": [],
    }


def test_recomputation_is_said_below_the_table(home, cutoff):
    publish(home, cutoff)
    result = home.run("forecast", "BTC-USD", "--cutoff", format_rfc3339(cutoff), "--horizon", "2")
    assert result.exit_code == 0
    assert "every bit is the same" in " ".join(result.stdout.split())


@pytest.mark.parametrize("column", ["mean", "quantiles", "baseline_quantiles"])
def test_tampered_forecast_is_reported_as_different(home, cutoff, column):
    publish(home, cutoff)
    tamper(home, column)

    result = home.run("forecast", "BTC-USD", "--cutoff", format_rfc3339(cutoff), "--json")

    assert result.exit_code == 65
    recomputation = json.loads(result.stdout)["recomputation"]
    assert recomputation["same_bits"] is False
    (difference,) = recomputation["differences"]
    assert (difference["name"], difference["values"]) == (column, 1)
    assert 0 < difference["largest_ratio"] < 1e-12


def test_difference_is_named_in_the_text(home, cutoff):
    publish(home, cutoff)
    tamper(home, "mean")
    result = home.run("forecast", "BTC-USD", "--cutoff", format_rfc3339(cutoff))
    assert result.exit_code == 65
    assert "the bits differ: mean: 1 of 24 values" in " ".join(result.stdout.split())


def test_cutoff_without_a_published_forecast_names_the_oldest_and_the_newest(home, cutoff):
    for hours in (0, 5):
        publish(home, cutoff - hours * HOUR)
    result = home.run("forecast", "BTC-USD", "--cutoff", "2019-01-01T00:00:00Z")
    assert result.exit_code == 2
    assert "for the cutoff 2019-01-01T00:00:00Z" in result.stderr
    assert f"oldest {format_rfc3339(cutoff - 5 * HOUR)}" in result.stderr
    assert f"newest {format_rfc3339(cutoff)}" in result.stderr


def test_market_without_a_published_forecast_says_so(home):
    result = home.run("forecast", "BTC-USD", "--cutoff", "2019-01-01T00:00:00Z")
    assert result.exit_code == 69
    assert "no forecast of BTC-USD:1h was published yet" in result.stderr


def test_cutoff_without_a_zone_is_utc(home, cutoff):
    publish(home, cutoff)
    answer = home.json("forecast", "BTC-USD", "--cutoff", f"{cutoff:%Y-%m-%d %H:%M}")
    assert answer["cutoff"] == format_rfc3339(cutoff)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cutoff", "yesterday"], "as 2025-01-01T00:00:00Z"),
        (["--cutoff", "2025-01-01", "--url", "http://127.0.0.1:9"], "one of the two"),
        (["--model-version", "1"], "with --cutoff"),
    ],
)
def test_options_that_do_not_fit_are_refused(home, arguments, words):
    result = home.run("forecast", "BTC-USD", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_other_model_version_has_published_nothing(home, cutoff):
    publish(home, cutoff)
    result = home.run(
        "forecast", "BTC-USD", "--cutoff", format_rfc3339(cutoff), "--model-version", "7"
    )
    assert result.exit_code == 2
    assert "by version 7" in result.stderr
