from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from tidecast.evaluation.plots import (
    BAND_COLOURS,
    LABEL_GAP,
    REALISED,
    fan_png,
    spread_labels,
)
from tidecast.forecasts import Floats, Forecast

MakeForecast = Callable[..., Forecast]
MakeCandles = Callable[..., pd.DataFrame]


@pytest.fixture
def forecast(make_forecast: MakeForecast) -> Forecast:
    return make_forecast(horizon=12)


@pytest.fixture
def history(make_candles: MakeCandles, forecast: Forecast) -> pd.DataFrame:
    closes = np.linspace(49_000, 50_000, 100).tolist()
    return make_candles(closes, forecast.cutoff - timedelta(hours=100))


def pixels(path: Path) -> Floats:
    return np.asarray(matplotlib.image.imread(path), np.float64)[..., :3]


def share_of(colour: str, image: Floats) -> float:
    return float((np.abs(image - to_rgb(colour)).max(axis=-1) < 0.01).mean())


def test_fan_png_is_a_picture_with_every_band(
    forecast: Forecast, history: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "fan.png"
    fan_png(forecast, history, path, "Bitcoin")
    image = pixels(path)
    assert image.shape == (840, 1575, 3)
    assert all(share_of(colour, image) > 0.005 for colour in BAND_COLOURS.values())
    assert share_of(REALISED, image) == 0


def test_fan_png_shows_what_happened_when_it_is_known(
    forecast: Forecast, history: pd.DataFrame, make_candles: MakeCandles, tmp_path: Path
) -> None:
    path = tmp_path / "fan.png"
    realised = make_candles([50_100.0] * 30, forecast.cutoff)
    fan_png(forecast, history, path, "Bitcoin", realised)
    assert share_of(REALISED, pixels(path)) > 0


def test_fan_png_does_not_depend_on_candles_after_the_cutoff(
    forecast: Forecast, history: pd.DataFrame, make_candles: MakeCandles, tmp_path: Path
) -> None:
    later = pd.concat([history, make_candles([90_000.0] * 5, forecast.cutoff)])
    for name, candles in {"a.png": history, "b.png": later}.items():
        fan_png(forecast, candles, tmp_path / name, "Bitcoin")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_labels_keep_their_distance_and_the_middle_its_place() -> None:
    heights = spread_labels([0.49, 0.495, 0.5, 0.505, 0.9])
    assert heights[2] == 0.5
    assert np.diff(heights).min() >= LABEL_GAP - 1e-12
    assert heights[4] == 0.9
