import pandas as pd
import pytest

from ingestion.agreement import disagreements


def _frame(closes):
    index = pd.date_range("2025-01-01", periods=len(closes), freq="1h", tz="UTC")
    return pd.DataFrame({"close": closes}, index=index)


def test_disagreements_lists_the_worst_first():
    found = disagreements(_frame([100, 100, 100]), "a", _frame([103, 99, 110]), "b", 0.02)
    assert [one.ratio for one in found] == [pytest.approx(0.1), pytest.approx(0.03)]
    assert (found[0].stored_close, found[0].other_close) == (100.0, 110.0)
    assert (found[0].stored_source, found[0].other_source) == ("a", "b")


def test_disagreements_looks_at_shared_candles_only():
    assert disagreements(_frame([100]), "a", _frame([100, 500]), "b", 0.02) == []
    assert disagreements(_frame([]), "a", _frame([100]), "b", 0.02) == []
