from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tidecast.store import Store
from tidecast.timeframes import Market

HOUR = timedelta(hours=1)
LEASE_SECONDS = 3600.0


@pytest.fixture
def claim(store, market, now):
    def claim(window, after=timedelta(0), market=market):
        return store.retrainings.claim(market, window, "error rose", now + after, LEASE_SECONDS)

    return claim


def test_claim_is_given_once_per_window(claim, store, market, now):
    assert claim("w1")
    assert not claim("w1")
    store.retrainings.finish(market, "w1", "kept", "", now)
    assert not claim("w1")
    assert not claim("w1", after=2 * HOUR)


def test_claim_is_refused_while_another_window_runs(claim, store, market, now):
    assert claim("w1")
    assert not claim("w2")
    store.retrainings.finish(market, "w1", "promoted", "version 2", now)
    assert claim("w2")


def test_claim_of_another_market_is_given(claim):
    assert claim("w1")
    assert claim("w1", market=Market("BTC-USD", "1d"))


def test_claim_is_given_when_the_lease_of_the_running_one_is_over(claim, store, market, now):
    assert claim("w1")
    assert not claim("w2", after=timedelta(seconds=LEASE_SECONDS - 1))
    assert claim("w2", after=timedelta(seconds=LEASE_SECONDS))
    newest, dead = store.retrainings.history(market)
    assert (newest.window, newest.status, newest.finished_at) == ("w2", "running", None)
    assert (dead.status, dead.finished_at) == ("failed", now + HOUR)
    assert "lease expired" in dead.detail


def test_finish_writes_the_end_down(claim, store, market, now):
    claim("w1")
    assert store.retrainings.finish(market, "w1", "failed", "exit code 1", now + HOUR)
    kept = store.retrainings.newest(market)
    assert (kept.market, kept.window, kept.requested_at) == (market, "w1", now)
    assert (kept.status, kept.detail, kept.finished_at) == ("failed", "exit code 1", now + HOUR)
    assert kept.reason == "error rose"


def test_finish_after_the_lease_tells_what_really_happened(claim, store, market, now):
    claim("w1")
    claim("w2", after=HOUR)
    assert store.retrainings.finish(market, "w1", "promoted", "late", now + 2 * HOUR)
    assert [row.status for row in store.retrainings.history(market)] == ["running", "promoted"]


@pytest.mark.parametrize(
    ("first", "second", "replaced"),
    [
        ("promoted", "failed", False),
        ("kept", "failed", False),
        ("failed", "failed", False),
        ("failed", "promoted", True),
        ("failed", "kept", True),
    ],
)
def test_finish_lets_a_success_replace_a_failure_only(
    claim, store, market, now, first, second, replaced
):
    claim("w1")
    assert store.retrainings.finish(market, "w1", first, "first", now)
    assert store.retrainings.finish(market, "w1", second, "second", now + HOUR) == replaced
    assert store.retrainings.newest(market).detail == ("second" if replaced else "first")


def test_finish_is_false_when_nobody_claimed(store, market, now):
    assert not store.retrainings.finish(market, "w1", "kept", "", now)
    assert store.retrainings.newest(market) is None


def test_one_of_many_monitors_gets_the_claim(url, market, now):
    stores = [Store(url) for _ in range(8)]

    def race(numbered):
        number, store = numbered
        window = f"w{number % 2}"
        return store.retrainings.claim(market, window, "error rose", now, LEASE_SECONDS)

    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(race, enumerate(stores)))
    for store in stores:
        store.close()
    assert sum(claims) == 1


def test_one_of_many_monitors_takes_over_a_dead_claim(url, market, now):
    stores = [Store(url) for _ in range(8)]
    stores[0].retrainings.claim(market, "dead", "error rose", now, LEASE_SECONDS)

    def race(numbered):
        number, store = numbered
        return store.retrainings.claim(market, f"w{number}", "r", now + 2 * HOUR, LEASE_SECONDS)

    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(race, enumerate(stores)))
    history = stores[0].retrainings.history(market)
    for store in stores:
        store.close()
    assert sum(claims) == 1
    assert [row.status for row in history] == ["running", "failed"]
