from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tidecast.errors import ForecastInvalid
from tidecast.forecasts import LEVELS, PERCENTILES, Forecast, check_quantiles
from tidecast.timeframes import Market

CLOSE = 100.0
STEPS = 3


def _good():
    one = CLOSE * np.exp(0.05 * (np.array(LEVELS) - 0.5))
    return np.full(STEPS, CLOSE), np.tile(one, (STEPS, 1))


def test_levels_hold_every_percentile_and_increase():
    assert len(LEVELS) == 103
    assert set(PERCENTILES) < set(LEVELS)
    assert (np.diff(LEVELS) > 0).all()


def test_check_quantiles_accepts_an_honest_forecast():
    check_quantiles(CLOSE, *_good())


def _with(change):
    mean, quantiles = _good()
    change(mean, quantiles)
    return mean, quantiles


def _set(array, value):
    array[:] = value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, q: _set(q[1], np.nan), "not finite"),
        (lambda m, q: _set(m[1:2], np.inf), "not finite"),
        (lambda m, q: _set(q[0, :1], -1.0), "not above zero"),
        (lambda m, q: _set(q[2], q[2][::-1].copy()), "cross"),
        (lambda m, q: _set(q[2], CLOSE), "constant"),
        (lambda m, q: _set(q[2, -1:], CLOSE * 1000), "log return"),
        (lambda m, q: _set(m[:1], CLOSE * 2), "outside the quantiles"),
    ],
)
def test_check_quantiles_refuses_what_no_honest_model_makes(change, message):
    with pytest.raises(ForecastInvalid, match=message):
        check_quantiles(CLOSE, *_with(change))


def test_check_quantiles_refuses_a_wrong_shape():
    mean, quantiles = _good()
    with pytest.raises(ForecastInvalid, match="shape"):
        check_quantiles(CLOSE, mean, quantiles[:, :-1])


def test_forecast_target_times_are_the_ends_of_the_steps():
    mean, quantiles = _good()
    cutoff = datetime(2025, 1, 1, 10, tzinfo=UTC)
    forecast = Forecast(
        Market("BTC-USD", "1h"), cutoff, CLOSE, mean, quantiles, quantiles, model_version="1"
    )
    assert forecast.horizon == STEPS
    assert forecast.target_times == [cutoff + timedelta(hours=i) for i in (1, 2, 3)]
