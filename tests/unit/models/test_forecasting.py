from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.candles import empty_frame
from tidecast.errors import ForecastInvalid, InvalidParameter, TooFewCandles
from tidecast.forecasts import LEVELS, Floats, mean_of
from tidecast.models.baselines import RandomWalk
from tidecast.models.calibration import PAIRS, Calibration, centered
from tidecast.models.forecasting import forecast_at, history_candles, to_prices
from tidecast.models.volatility_baselines import Ewma
from tidecast.timeframes import Market

HORIZON = 6
MARKET = Market("BTC-USD", "1h")


@dataclass(frozen=True)
class Answering(RandomWalk):
    """A random walk whose answer somebody spoilt."""

    answer: Floats

    def predict(self, candles, cutoffs=None):
        return replace(super().predict(candles, cutoffs), quantiles=self.answer[None])


@pytest.fixture(scope="module")
def ewma(year):
    return Ewma.fit(year, "1h", HORIZON)


@pytest.fixture
def calibration(random):
    return Calibration(random.uniform(-0.1, 0.3, (HORIZON, PAIRS)))


def _forecast(model, candles, calibration=None, cutoff=None):
    calibration = calibration or Calibration.initial(model.horizon)
    return forecast_at(model, calibration, candles, MARKET, "7", cutoff)


def _same_bits(one, other):
    for name in ("mean", "quantiles", "baseline_quantiles"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert (one.cutoff, one.close) == (other.cutoff, other.close)


def test_forecast_holds_prices_of_every_step(ewma, year):
    forecast = _forecast(ewma, year)
    assert forecast.cutoff == (year.index[-1] + pd.Timedelta(hours=1)).to_pydatetime()
    assert forecast.cutoff.tzinfo is not None
    assert forecast.close == year["close"].iloc[-1]
    assert (forecast.market, forecast.model_version) == (MARKET, "7")
    assert forecast.mean.shape == (HORIZON,)
    assert forecast.quantiles.shape == forecast.baseline_quantiles.shape == (HORIZON, len(LEVELS))
    returns = np.log(forecast.quantiles / forecast.close)
    raw = ewma.predict(year)
    np.testing.assert_allclose(returns, centered(raw.center, raw.quantiles)[0], atol=1e-12)


def test_forecast_mean_lies_inside_its_quantiles(ewma, year, calibration):
    forecast = _forecast(ewma, year, calibration)
    assert (forecast.mean > forecast.quantiles[:, 0]).all()
    assert (forecast.mean < forecast.quantiles[:, -1]).all()


@pytest.mark.parametrize("widening", [-0.2, 0.0, 2.0])
def test_forecast_mean_is_the_price_where_the_center_is_a_random_walk(widening, ewma, year):
    calibration = Calibration(np.full((HORIZON, PAIRS), widening))
    wild = year.iloc[-history_candles(ewma) :].copy()
    wild.iloc[-12:, :4] *= np.exp(0.05 * (-1.0) ** np.arange(12))[:, None]
    for candles in (year, wild):
        forecast = _forecast(ewma, candles, calibration)
        np.testing.assert_allclose(forecast.mean, forecast.close, rtol=1e-12)


def test_forecast_mean_is_the_mean_of_the_published_quantiles(ewma, year, calibration):
    forecast = _forecast(ewma, year, calibration)
    np.testing.assert_array_equal(forecast.mean, mean_of(forecast.quantiles))


def test_mean_of_a_lognormal_price_is_its_expectation(returns_of, normal_quantiles):
    deviation = 0.05
    mean, _ = to_prices(returns_of(deviation * normal_quantiles[None, None]))
    assert mean[0, 0] == pytest.approx(50_000 * np.exp(deviation**2 / 2), rel=2e-4)
    assert mean[0, 0] > 50_000


def test_forecast_baseline_is_historical_simulation_of_the_last_year(ewma, year):
    table = RandomWalk.fit(year, "1h", HORIZON).table
    expected = year["close"].iloc[-1] * np.exp(table)
    np.testing.assert_array_equal(_forecast(ewma, year).baseline_quantiles, expected)


def test_forecast_has_the_same_bits_in_a_longer_history(ewma, year, calibration):
    needed = history_candles(ewma)
    assert needed < len(year)
    _same_bits(
        _forecast(ewma, year, calibration), _forecast(ewma, year.iloc[-needed:], calibration)
    )


def test_forecast_at_a_cutoff_has_the_bits_it_had_then(ewma, year, calibration):
    then = year.iloc[:-40]
    cutoff = (then.index[-1] + pd.Timedelta(hours=1)).to_pydatetime()
    _same_bits(
        _forecast(ewma, year, calibration, cutoff=cutoff), _forecast(ewma, then, calibration)
    )


def test_forecast_has_the_same_bits_across_a_gap(ewma, year):
    gappy = with_gaps(year, [(len(year) - 500, 33), (100, 5)])
    needed = history_candles(ewma)
    assert needed < len(gappy)
    _same_bits(_forecast(ewma, gappy), _forecast(ewma, gappy.iloc[-needed:]))


@pytest.mark.parametrize("minutes", [-60, 30, 120], ids=["missing", "off the grid", "future"])
def test_forecast_refuses_a_cutoff_at_which_no_candle_ends(minutes, ewma, year):
    gappy = with_gaps(year, [(len(year) - 2, 1)])
    cutoff = year.index[-1] + pd.Timedelta(hours=1) + pd.Timedelta(minutes=minutes)
    with pytest.raises(InvalidParameter, match="not the end of a candle"):
        _forecast(ewma, gappy, cutoff=cutoff.to_pydatetime())


def test_forecast_refuses_a_cutoff_before_every_candle(ewma, year):
    with pytest.raises(TooFewCandles):
        _forecast(ewma, year, cutoff=datetime(2000, 1, 1, tzinfo=UTC))


def test_forecast_refuses_too_short_a_history(ewma, year):
    with pytest.raises(TooFewCandles) as caught:
        _forecast(ewma, year.iloc[-150:])
    assert (caught.value.needed, caught.value.have) == (ewma.needed_candles, 150)


def test_forecast_refuses_an_empty_history(ewma):
    with pytest.raises(TooFewCandles):
        _forecast(ewma, empty_frame())


def test_forecast_leaves_candles_and_calibration_alone(ewma, year, calibration):
    before, widening = year.copy(deep=True), calibration.widening.copy()
    _forecast(ewma, year, calibration)
    pd.testing.assert_frame_equal(year, before)
    np.testing.assert_array_equal(calibration.widening, widening)


def _replaced(quantiles, row, columns, value):
    spoilt = quantiles.copy()
    spoilt[row, columns] = value
    return spoilt


SPOILT = {
    "nan": lambda q: _replaced(q, 2, 40, np.nan),
    "all nan": lambda q: np.full_like(q, np.nan),
    "infinite": lambda q: _replaced(q, 0, -1, np.inf),
    "minus infinite": lambda q: _replaced(q, 0, 0, -np.inf),
    "constant": lambda q: np.zeros_like(q),
    "one step constant": lambda q: _replaced(q, 3, slice(None), 0.001),
    "crossed": lambda q: _replaced(q, 1, [50, 60], q[1, [60, 50]]),
    "backwards": lambda q: q[:, ::-1].copy(),
    "absurdly high": lambda q: _replaced(q, 0, -1, 3.2),
    "absurdly low": lambda q: _replaced(q, 0, 0, -3.1),
    "beyond every price": lambda q: _replaced(q, 0, -1, 1e300),
    "at no price": lambda q: _replaced(q, 0, 0, -1e300),
    "too few levels": lambda q: q[:, :7],
    "one level": lambda q: q[:, :1],
    "too few steps": lambda q: q[:-1],
    "one step": lambda q: q[:1],
}


@pytest.mark.parametrize("how", SPOILT)
def test_forecast_refuses_what_no_honest_model_answers(how, year):
    sound = RandomWalk.fit(year, "1h", HORIZON)
    model = Answering("1h", HORIZON, sound.table, SPOILT[how](sound.table))
    with pytest.raises(ForecastInvalid):
        _forecast(model, year.iloc[-300:])


def test_forecast_accepts_the_same_answer_unspoilt(year):
    sound = RandomWalk.fit(year, "1h", HORIZON)
    model = Answering("1h", HORIZON, sound.table, sound.table)
    assert np.isfinite(_forecast(model, year.iloc[-300:]).mean).all()


def test_forecast_is_refused_when_the_price_never_moved():
    still = synthetic_candles(400)
    still[["open", "high", "low", "close"]] = 40_000.0
    with pytest.raises(ForecastInvalid, match="constant"):
        _forecast(RandomWalk.fit(still, "1h", HORIZON), still)


def test_calibration_cannot_make_an_invalid_price(year):
    absurd = Calibration(np.full((HORIZON, PAIRS), 1e300))
    with pytest.raises(ForecastInvalid):
        _forecast(RandomWalk.fit(year, "1h", HORIZON), year.iloc[-300:], absurd)


def test_calibration_moves_the_band_and_not_the_mean(ewma, year):
    wider = Calibration(np.full((HORIZON, PAIRS), 0.5))
    plain, corrected = _forecast(ewma, year), _forecast(ewma, year, wider)
    np.testing.assert_allclose(corrected.mean, plain.mean, rtol=1e-12)
    assert (corrected.quantiles[:, 0] < plain.quantiles[:, 0]).all()
    assert (corrected.quantiles[:, -1] > plain.quantiles[:, -1]).all()
