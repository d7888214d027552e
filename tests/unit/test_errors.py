"""Errors cross the border of a process, as when a backtest fits its folds side by side."""

import pickle

import pytest

from tidecast import errors

EXAMPLES = [
    errors.TooFewCandles(100, 7),
    errors.TooFewCandles(100, 7, "known returns of a step"),
    errors.InvalidParameter("levels are malformed", field="levels", allowed=["0.05", "0.95"]),
    errors.UnknownMarket("unknown market", field="symbol", allowed="BTC-USD"),
    errors.SourceThrottled("slow down", retry_after_seconds=3.0),
    errors.GateRefused(["worse than the champion", "not calibrated"]),
    errors.ForecastInvalid("quantiles cross"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_is_the_same_in_another_process(error: errors.TidecastError) -> None:
    received = pickle.loads(pickle.dumps(error))
    assert type(received) is type(error)
    assert str(received) == str(error)
    assert vars(received) == vars(error)
