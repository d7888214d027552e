from datetime import UTC, datetime

import pytest

from cli.ingest import as_json, notes
from ingestion.run import IngestionResult
from tidecast.timeframes import Market


def _result(**counts):
    return IngestionResult(
        market=Market("BTC-USD", "1h"),
        source="replay:BTC-USD",
        inserted=1,
        revised=0,
        unchanged=3,
        quarantined=0,
        **{"confirmed": 0, "held_back": 0, "clamped": 0, **counts},
        newest=datetime(2025, 3, 10, 11, tzinfo=UTC),
        lag_candles=0,
        gaps=(),
        disagreements=(),
        failures=(),
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("held_back", "BTC-USD:1h: 2 held back: price more than 5 times away"),
        ("confirmed", "BTC-USD:1h: 2 held back before, confirmed now"),
        ("clamped", "BTC-USD:1h: 2 with rounding in high or low clamped"),
    ],
)
def test_ingest_notes_say_what_is_out_of_the_ordinary(name, text):
    (line,) = notes([_result(), _result(**{name: 2})])
    assert line.startswith(text)
    assert as_json(_result(**{name: 2}))[name] == 2
