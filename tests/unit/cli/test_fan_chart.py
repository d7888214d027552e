from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from cli.prices import price_text
from scipy.stats import norm

from cli.fan_chart import fan_chart
from tidecast.forecasts import LEVELS, Forecast
from tidecast.timeframes import Market


def _forecast(horizon=24):
    steps = np.arange(1, horizon + 1)[:, None]
    quantiles = 8000 * np.exp(0.006 * np.sqrt(steps) * norm.ppf(LEVELS))
    cutoff = datetime(2019, 8, 1, 12, tzinfo=UTC)
    mean = np.full(horizon, 8000.0)
    return Forecast(Market("BTC-USD", "1h"), cutoff, 8000.0, mean, quantiles, quantiles, "1")


def _lines(width, horizon=24):
    closes = pd.Series(8000 + 100 * np.sin(np.arange(300)))
    return fan_chart(_forecast(horizon), closes, width).plain.splitlines()


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("horizon", [1, 24, 48])
def test_fan_chart_fits_into_the_terminal(width, horizon):
    assert max(len(line) for line in _lines(width, horizon)) <= width


def test_fan_chart_shows_closes_then_bands_around_the_median():
    lines = _lines(100)
    columns = ["".join(line[i] for line in lines[:18] if i < len(line)) for i in range(12, 100)]
    assert all("•" in column and "░" not in column for column in columns[:60])
    assert all("━" in column for column in columns[-24:])
    assert columns[-1].index("░") < columns[-1].index("▓") < columns[-1].index("━")


def test_fan_chart_names_cutoff_and_last_target_time():
    text = "\n".join(_lines(100))
    assert "01 Aug 12:00" in text
    assert "02 Aug 12:00" in text


@pytest.mark.parametrize(
    ("price", "text"), [(10344.6, "10,345"), (172.314, "172.31"), (0.082141, "0.08214")]
)
def test_price_has_as_many_digits_as_a_person_wants(price, text):
    assert price_text(price) == text
