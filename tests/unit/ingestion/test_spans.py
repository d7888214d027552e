import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.spans import CHUNK_CANDLES, Span, history_start, newest_span
from tidecast.price_jumps import CONFIRMING_CANDLES

NOW = datetime(2025, 3, 10, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_newest_span_overlaps_the_stored_candles_and_ends_with_the_open_one():
    stored = datetime(2025, 3, 10, 10, tzinfo=UTC)
    span = newest_span(NOW, "1h", stored, overlap_candles=3)
    assert span == Span(stored - 2 * HOUR, datetime(2025, 3, 10, 13, tzinfo=UTC))


def test_newest_span_is_never_empty_even_when_the_store_is_ahead_of_our_clock():
    span = newest_span(NOW, "1h", NOW + 48 * HOUR, overlap_candles=1)
    assert span.candles("1h") == 1


def test_history_starts_on_the_grid():
    assert history_start(NOW, "1h", 2, 1) == datetime(2025, 3, 8, 12, tzinfo=UTC)
    assert history_start(NOW, "1d", 2, 1) == datetime(2025, 3, 8, tzinfo=UTC)


@given(st.integers(0, 4 * CHUNK_CANDLES))
def test_chunks_cover_the_span_oldest_first_and_repeat_a_few_candles(candles):
    start = datetime(2025, 1, 1, tzinfo=UTC)
    span = Span(start, start + candles * HOUR)
    chunks = list(span.chunks("1h"))
    edges = [start, *(chunk.end for chunk in chunks)]
    repeated = [(edge - chunk.start) // HOUR for edge, chunk in zip(edges, chunks, strict=False)]
    assert edges[-1] == span.end
    assert repeated == [0, *[CONFIRMING_CANDLES] * (len(chunks) - 1)][: len(chunks)]
    news = [later - edge for edge, later in itertools.pairwise(edges)]
    assert all(0 * HOUR < span <= CHUNK_CANDLES * HOUR for span in news)


def test_span_with_neighbors_stops_at_the_last_candle_there_is():
    start = datetime(2025, 1, 1, tzinfo=UTC)
    span = Span(start, start + 5 * HOUR)
    assert span.with_neighbors("1h", NOW) == Span(start - 3 * HOUR, start + 8 * HOUR)
    assert span.with_neighbors("1h", start + 6 * HOUR) == Span(start - 3 * HOUR, start + 6 * HOUR)


@pytest.mark.parametrize(("interval", "candles"), [("5m", 288), ("1h", 24), ("1d", 1)])
def test_span_counts_candles_of_its_interval(interval, candles):
    start = datetime(2025, 1, 1, tzinfo=UTC)
    assert Span(start, start + timedelta(days=1)).candles(interval) == candles


def test_history_start_reaches_far_enough_for_a_training_on_days() -> None:
    now = datetime(2026, 1, 1, 5, tzinfo=UTC)
    assert history_start(now, "1d", 760, 1700) == datetime(2026, 1, 1, tzinfo=UTC) - timedelta(
        days=1700
    )
    assert history_start(now, "1h", 760, 1700) == now - timedelta(days=760)
