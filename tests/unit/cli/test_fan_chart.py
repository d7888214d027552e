from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
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


def _small(width, scale):
    closes = pd.Series(scale * (1 + 0.01 * np.sin(np.arange(300))))
    forecast = _forecast()
    small = replace(
        forecast,
        close=scale,
        mean=forecast.mean / 8000 * scale,
        quantiles=forecast.quantiles / 8000 * scale,
    )
    return fan_chart(small, closes, width).plain.splitlines()


@pytest.mark.parametrize("scale", [1.2e-8, 0.000012, 1.0, 172.3, 2.5e9])
def test_fan_chart_labels_prices_of_any_size_apart(scale):
    lines = _small(100, scale)
    labels = [line.split("┤")[0].strip() for line in lines if "┤" in line]
    prices = [float(label.replace(",", "")) for label in labels]
    assert prices == sorted(set(prices), reverse=True)
    assert prices[0] > scale > prices[-1]
    assert max(len(line) for line in lines) <= 100
