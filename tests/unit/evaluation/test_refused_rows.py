from datetime import UTC, datetime

from tidecast.candles import Quarantined
from tidecast.evaluation.refused_rows import refused_rows

AT = datetime(2025, 1, 1, 5, tzinfo=UTC)


def test_refused_rows_are_counted_per_reason_the_commonest_first():
    rows = [
        Quarantined(None, '{"close": "x"}', "no open time"),
        Quarantined(AT, '{"close": -1}', "price not above zero"),
        Quarantined(AT, '{"close": -2}', "price not above zero"),
    ]
    assert refused_rows(rows) == {
        "rows": 3,
        "reasons": [
            {
                "reason": "price not above zero",
                "rows": 2,
                "example": '2025-01-01T05:00:00Z {"close": -1}',
            },
            {"reason": "no open time", "rows": 1, "example": 'no time {"close": "x"}'},
        ],
    }


def test_nothing_refused_is_an_empty_count():
    assert refused_rows([]) == {"rows": 0, "reasons": []}


def test_example_of_a_huge_row_is_cut():
    (reason,) = refused_rows([Quarantined(AT, "x" * 10**6, "too long")])["reasons"]
    assert len(reason["example"]) < 200
