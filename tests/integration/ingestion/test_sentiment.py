from datetime import UTC, date, datetime, timedelta

import pytest

from ingestion.sentiment import ingest_fear_greed
from tidecast.errors import SourceUnavailable

NOW = datetime(2025, 3, 10, 0, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Site:
    def __init__(self, *rows):
        self.rows = rows
        self.asked = []

    def __call__(self, days):
        self.asked.append(days)
        return [(date(2025, 3, day), value) for day, value in self.rows]


def test_fear_greed_is_stored_whole_at_first(store):
    site = Site((8, 40), (9, 41))
    assert ingest_fear_greed(store, site, NOW) == 2
    assert store.sentiment.read().tolist() == [40, 41]
    assert site.asked == [0]


def test_fear_greed_is_asked_once_an_hour_until_the_day_is_there(store):
    site = Site((9, 41))
    for minutes in (0, 30, 61, 90):
        ingest_fear_greed(store, site, NOW + timedelta(minutes=minutes))
    site.rows = ((9, 41), (10, 45))
    for hours in (3, 4, 5, 23):
        ingest_fear_greed(store, site, NOW + hours * HOUR)
    assert site.asked == [0, 2, 2]
    assert store.sentiment.read().tolist() == [41, 45]


def test_fear_greed_of_a_day_to_come_is_refused(store):
    ingest_fear_greed(store, Site((10, 45), (11, 99)), NOW)
    assert store.sentiment.read().index.tolist() == [date(2025, 3, 10)]


def test_fear_greed_failure_is_no_failure_of_the_run_and_makes_one_event(store):
    def away(days):
        raise SourceUnavailable("away")

    for hours in range(4):
        assert ingest_fear_greed(store, away, NOW + hours * HOUR) == 0
    (event,) = store.events.read()
    assert event.detail["source"] == "alternative.me:fear-greed"


def test_fear_greed_lets_an_error_of_the_program_through(store):
    def broken(days):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ingest_fear_greed(store, broken, NOW)
