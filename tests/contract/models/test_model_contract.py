"""What every model of the catalogue promises, as one table: each test runs over every name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tidecast.candles import frame_from_rows
from tidecast.errors import ConfigurationError, InvalidParameter, TooFewCandles
from tidecast.forecasts import LEVELS
from tidecast.models import catalogue
from tidecast.timeframes import interval_length

INTERVALS = ("5m", "1h", "1d")
HORIZONS = (1, 24, 48)
SAMPLE = Path(__file__).parents[3] / "sample" / "coinbase_btc_usd_1h_2018_2019.parquet"
SHORT_FIT = 1800
"""Candles of the windows that are fitted twice."""


def _check_honest(forecasts, count, horizon):
    assert forecasts.center.shape == (count, horizon)
    assert forecasts.quantiles.shape == (count, horizon, len(LEVELS))
    assert forecasts.close.shape == forecasts.cutoffs.shape == (count,)
    assert np.isfinite(forecasts.center).all()
    assert np.isfinite(forecasts.quantiles).all()
    assert (np.diff(forecasts.quantiles, axis=-1) >= 0).all()
    assert (forecasts.quantiles[..., -1] > forecasts.quantiles[..., 0]).all()


@pytest.mark.parametrize("interval", INTERVALS)
def test_model_forecasts_every_interval(interval, name, fitted, market, cutoffs):
    model, candles = fitted(name, interval), market(interval)
    assert (model.name, model.interval, model.horizon) == (name, interval, 24)
    asked = cutoffs(candles, interval, 30)
    forecasts = model.predict(candles, asked)
    _check_honest(forecasts, 30, 24)
    assert list(forecasts.cutoffs) == list(asked)
    closes = candles["close"][asked - interval_length(interval)]
    np.testing.assert_array_equal(forecasts.close, closes)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_model_forecasts_every_horizon(horizon, name, fitted, market, cutoffs):
    model, candles = fitted(name, "1h", horizon), market("1h")
    assert model.horizon == horizon
    _check_honest(model.predict(candles, cutoffs(candles, "1h", 3)), 3, horizon)


def test_model_bands_are_of_the_size_of_real_moves(name, fitted, market, cutoffs):
    """Fitted and judged on the same market, a 90 % band cannot be off by a factor of two."""
    model, candles = fitted(name), market("1h")
    asked = cutoffs(candles, "1h", 30, before=1)
    quantiles = model.predict(candles, asked).quantiles[:, 0]
    width = quantiles[:, LEVELS.index(0.95)] - quantiles[:, LEVELS.index(0.05)]
    usual = np.log(candles["close"]).diff().iloc[-500:].quantile([0.05, 0.95])
    assert 0.5 < np.median(width) / (usual[0.95] - usual[0.05]) < 2.0


def test_model_forecasts_after_the_last_candle_when_not_asked_otherwise(
    name, fitted, market, cutoffs, assert_same_bits
):
    model, candles = fitted(name), market("1h")
    expected = model.predict(candles, cutoffs(candles, "1h", 1))
    assert_same_bits(model.predict(candles), expected)


def test_model_changes_neither_the_candles_nor_itself(
    name, fitted, market, cutoffs, assert_same_bits
):
    model, candles = fitted(name), market("1h")
    before, asked = candles.copy(deep=True), cutoffs(candles, "1h", 5)
    first = model.predict(candles, asked)
    pd.testing.assert_frame_equal(candles, before)
    assert_same_bits(model.predict(candles, asked), first)


def test_fit_changes_no_candle(name, training):
    candles = training("1h").iloc[-SHORT_FIT:]
    before = candles.copy(deep=True)
    catalogue.fit(name, candles, "1h", 24, threads=1)
    pd.testing.assert_frame_equal(candles, before)


def test_model_forecasts_many_cutoffs_with_the_bits_of_each_alone(
    name, fitted, market, cutoffs, assert_same_bits
):
    model, candles = fitted(name), market("1h")
    asked = cutoffs(candles, "1h", 25)
    together = model.predict(candles, asked)
    for i in range(len(asked)):
        assert_same_bits(model.predict(candles, asked[i : i + 1]), together.take(slice(i, i + 1)))


def test_model_forecasts_cutoffs_in_the_order_they_are_asked(
    name, fitted, market, cutoffs, assert_same_bits
):
    model, candles = fitted(name), market("1h")
    asked = cutoffs(candles, "1h", 6)
    forward, backward = model.predict(candles, asked), model.predict(candles, asked[::-1])
    assert_same_bits(backward.take(slice(None, None, -1)), forward)


def test_model_forecasts_nothing_when_no_cutoff_is_asked(name, fitted, market, cutoffs):
    model, candles = fitted(name), market("1h")
    forecasts = model.predict(candles, cutoffs(candles, "1h", 0))
    assert len(forecasts) == 0
    assert forecasts.quantiles.shape == (0, 24, len(LEVELS))


@pytest.mark.parametrize("interval", INTERVALS)
def test_model_does_not_see_candles_after_the_cutoff(
    interval, name, fitted, market, cutoffs, assert_same_bits
):
    model, candles = fitted(name, interval), market(interval)
    asked = cutoffs(candles, interval, 4, before=20)
    expected = model.predict(candles, asked)
    past, later = candles[candles.index < asked[-1]], candles[candles.index >= asked[-1]]
    assert_same_bits(model.predict(past, asked), expected)
    for other in (later * 1e200, later * 1e-200, later * np.nan):
        assert_same_bits(model.predict(pd.concat([past, other]), asked), expected)


@pytest.mark.parametrize("interval", INTERVALS)
def test_model_needs_no_more_candles_than_it_says(
    interval, name, fitted, market, cutoffs, assert_same_bits
):
    model, candles = fitted(name, interval), market(interval)
    expected = model.predict(candles)
    assert_same_bits(model.predict(candles.iloc[-model.needed_candles :]), expected)


def test_model_does_not_see_candles_older_than_it_needs(name, fitted, market, assert_same_bits):
    model, candles = fitted(name), market("1h")
    older = candles.copy()
    older.iloc[: -model.needed_candles] *= 1e100
    assert_same_bits(model.predict(older), model.predict(candles))


def test_model_refuses_a_history_one_candle_too_short(name, fitted, market):
    model, short_by_one = fitted(name), fitted(name).needed_candles - 1
    whole = market("1h").asfreq("1h").ffill()
    short = whole.iloc[len(whole) - short_by_one :]
    with pytest.raises(TooFewCandles) as caught:
        model.predict(short)
    assert (caught.value.needed, caught.value.have) == (model.needed_candles, short_by_one)


def test_model_refuses_a_cutoff_at_which_no_candle_ends(name, fitted, market):
    model, candles = fitted(name), market("1h")
    whole = pd.date_range(candles.index[0], candles.index[-1], freq="1h")
    missing = whole.difference(candles.index)[-1:] + pd.Timedelta(hours=1)
    for cutoff in (missing, missing + pd.Timedelta(minutes=7), missing + pd.Timedelta(days=99)):
        with pytest.raises(InvalidParameter):
            model.predict(candles, cutoff)


@pytest.mark.parametrize("count", [0, 1, 2, 60])
def test_fit_says_how_many_candles_it_needs(count, name, market):
    whole = market("1h").asfreq("1h").ffill().rename_axis("open_time")
    with pytest.raises(TooFewCandles, match="ingest more history") as caught:
        catalogue.fit(name, whole.iloc[:count], "1h", 24)
    assert caught.value.have == count
    assert caught.value.needed > count


def test_fit_is_happy_with_the_candles_it_asks_for(name, market):
    whole = market("1h").asfreq("1h").ffill()
    with pytest.raises(TooFewCandles) as caught:
        catalogue.fit(name, whole.iloc[-60:], "1h", 24)
    needed = caught.value.needed
    _check_honest(
        catalogue.fit(name, whole.iloc[-needed:], "1h", 24, threads=1).predict(whole), 1, 24
    )


def test_fit_repeats_bit_for_bit(name, training, market, cutoffs, assert_same_bits):
    candles = training("1h").iloc[-SHORT_FIT:]
    first, second = (catalogue.fit(name, candles, "1h", 24, seed=3, threads=1) for _ in range(2))
    asked = cutoffs(market("1h"), "1h", 10)
    assert_same_bits(second.predict(market("1h"), asked), first.predict(market("1h"), asked))


def test_model_does_not_depend_on_how_the_frame_lies_in_memory(
    name, fitted, market, assert_same_bits
):
    model, candles = fitted(name), market("1h")
    rows = frame_from_rows([tuple(row) for row in candles.itertuples()])
    assert_same_bits(model.predict(rows), model.predict(candles))


def test_model_forecasts_through_a_day_without_trades(name, fitted, market):
    model, candles = fitted(name), market("1h")
    quiet = candles.copy()
    last = quiet["close"].iloc[-25]
    quiet.iloc[-24:] = [last, last, last, last, 0.0]
    _check_honest(model.predict(quiet), 1, 24)


def test_catalogue_knows_every_model_by_its_own_name():
    assert {name: model.name for name, model in catalogue.CLASSES.items()} == {
        name: name for name in ("ensemble", "random_walk", "ewma", "garch", "seasonal_naive")
    }
    assert set(catalogue.BASELINES) == set(catalogue.CLASSES) - {"ensemble"}


def test_catalogue_names_the_models_there_are_when_asked_for_another(training):
    with pytest.raises(ConfigurationError, match=r"'prophet'.*ensemble.*random_walk"):
        catalogue.fit("prophet", training("1h"), "1h", 24)


def test_model_forecasts_recorded_candles_with_hours_without_trades(name):
    frame = pd.read_parquet(SAMPLE).set_index("timestamp").rename_axis("open_time")
    frame.index = pd.DatetimeIndex(frame.index).as_unit("us")
    still = np.flatnonzero(frame["volume"] == 0)
    first = int(still[still > SHORT_FIT][0])
    window = frame.iloc[first + 5 - SHORT_FIT : first + 5]
    assert (window["volume"].iloc[:-4] == 0).any()
    model = catalogue.fit(name, window, "1h", 24, threads=1)
    ends = pd.DatetimeIndex(window.index[-6:] + pd.Timedelta(hours=1))
    _check_honest(model.predict(window, ends), 6, 24)
