import threading
from datetime import timedelta

import pytest

from tidecast.store import Store

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SLACK, MAIL = "slack", "mailtos"


@pytest.fixture
def add(store, now):
    """Adds an event that is so old; returns its id."""

    def make(key: str, age: timedelta = MINUTE) -> int:
        store.events.add("CandleGap", key, {}, now - age)
        return next(event.id for event in store.events.read() if event.key == key)

    return make


def keys(store: Store, channel: str, now) -> list[str]:
    return [event.key for event in store.deliveries.pending(channel, now - DAY, now)]


def deliver(store: Store, event: int, channel: str, now, delivered: bool = True) -> bool:
    claimed = store.deliveries.claim(event, channel, now, 60)
    store.deliveries.settle(event, channel, now, delivered=delivered)
    return claimed


def test_event_is_pending_for_each_channel_until_it_was_delivered(store, add, now):
    event = add("a")
    assert deliver(store, event, SLACK, now)
    assert (keys(store, SLACK, now), keys(store, MAIL, now)) == ([], ["a"])


def test_event_that_is_too_old_is_not_pending(store, add, now):
    add("old", DAY + MINUTE)
    add("fresh", DAY - MINUTE)
    assert keys(store, SLACK, now) == ["fresh"]


def test_event_cannot_be_claimed_twice(store, add, now):
    event = add("a")
    claims = [store.deliveries.claim(event, SLACK, now, 60) for _ in range(2)]
    assert claims == [True, False]
    assert keys(store, SLACK, now) == []


def test_claim_that_was_given_back_or_ran_out_can_be_taken(store, add, now):
    event = add("a")
    deliver(store, event, SLACK, now, delivered=False)
    assert keys(store, SLACK, now) == ["a"]
    assert store.deliveries.claim(event, SLACK, now, 60)
    assert not store.deliveries.claim(event, SLACK, now + MINUTE / 2, 60)
    assert store.deliveries.claim(event, SLACK, now + MINUTE, 60)


def test_delivered_event_is_never_claimed_again(store, add, now):
    event = add("a")
    deliver(store, event, SLACK, now)
    assert not store.deliveries.claim(event, SLACK, now + DAY, 60)


def test_event_that_failed_stands_behind_those_that_were_not_tried(store, add, now):
    for key in ("first", "second", "third"):
        add(key)
    first = store.deliveries.pending(SLACK, now - DAY, now)[0]
    for _ in range(2):
        deliver(store, first.id, SLACK, now, delivered=False)
    second = store.deliveries.pending(SLACK, now - DAY, now)[0]
    deliver(store, second.id, SLACK, now, delivered=False)
    assert keys(store, SLACK, now) == ["third", "second", "first"]


def test_of_many_that_claim_at_once_one_gets_it(url, store, add, now):
    event = add("a")
    together, won = threading.Barrier(4), []

    def claim():
        with Store(url) as own:
            together.wait()
            won.append(own.deliveries.claim(event, SLACK, now, 60))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, False, False, True]
