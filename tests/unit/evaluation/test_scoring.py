from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tidecast.errors import InvalidParameter
from tidecast.evaluation.metrics import crps
from tidecast.evaluation.scoring import score
from tidecast.forecasts import LEVELS, Forecast

MakeForecast = Callable[..., Forecast]
MakeCandles = Callable[..., pd.DataFrame]


def test_score_takes_the_close_of_the_candle_that_ends_at_the_target_time(
    make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    forecast = make_forecast()
    first, third = score(forecast, [1, 3], make_candles([50_500.0, 50_600.0, 50_700.0]))
    assert (first.actual, third.actual) == (50_500.0, 50_700.0)
    assert third.target_time == forecast.cutoff + timedelta(hours=3)


def test_score_leaves_out_steps_whose_candle_is_missing(
    make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    candles = make_candles([50_100.0, 50_200.0, 50_300.0]).drop(
        index=pd.Timestamp("2025-03-01T01Z")
    )
    assert [row.step for row in score(make_forecast(), [1, 2, 3, 4], candles)] == [1, 3]


def test_score_is_empty_without_candles(
    make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    assert score(make_forecast(), [1, 2], make_candles([])) == []


def test_score_measures_log_returns_from_the_close_at_the_cutoff(
    make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    forecast = make_forecast(drift=0.002)
    (row,) = score(forecast, [1], make_candles([50_500.0]))
    assert row.baseline_error == pytest.approx(np.log(1.01))
    assert row.error == pytest.approx(np.log(1.01) - 0.002)


def test_score_compares_crps_with_that_of_the_random_walk(
    make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    forecast = make_forecast()
    (row,) = score(forecast, [1], make_candles([50_100.0]))
    realised = np.array(np.log(50_100 / 50_000))
    own = np.log(forecast.quantiles[0] / forecast.close)
    baseline = np.log(forecast.baseline_quantiles[0] / forecast.close)
    assert row.crps == pytest.approx(float(crps(own, LEVELS, realised)))
    assert row.baseline_crps == pytest.approx(float(crps(baseline, LEVELS, realised)))
    assert row.crps < row.baseline_crps


@pytest.mark.parametrize(
    ("deviations", "expected"),
    [
        (0.5, (True, True, True, True)),
        (1.0, (False, True, True, True)),
        (1.5, (False, False, True, True)),
        (-1.8, (False, False, False, True)),
        (-2.1, (False, False, False, False)),
    ],
)
def test_score_says_which_bands_covered(
    deviations: float,
    expected: tuple[bool, ...],
    make_forecast: MakeForecast,
    make_candles: MakeCandles,
) -> None:
    candles = make_candles([50_000 * np.exp(0.01 * deviations)])
    (row,) = score(make_forecast(0.01), [1], candles)
    assert (row.covered_50, row.covered_80, row.covered_90, row.covered_95) == expected


def test_score_gives_pit_and_width_of_a_normal(
    make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    (row,) = score(make_forecast(0.01), [1], make_candles([50_000.0]))
    assert row.pit == pytest.approx(0.5)
    assert row.width_90 == pytest.approx(2 * 1.644854 * 0.01, rel=1e-5)


@pytest.mark.parametrize("step", [0, -1, 5])
def test_score_refuses_a_step_outside_the_horizon(
    step: int, make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    with pytest.raises(InvalidParameter, match="horizon 4"):
        score(make_forecast(), [step], make_candles([50_000.0]))


def test_score_of_a_daily_market_uses_its_own_grid(
    make_forecast: MakeForecast, make_candles: MakeCandles
) -> None:
    hourly = make_forecast()
    daily = replace(hourly, market=replace(hourly.market, interval="1d"))
    candles = make_candles([50_100.0] + [0.0] * 23 + [50_200.0])
    assert [row.actual for row in score(daily, [1, 2], candles)] == [50_100.0, 50_200.0]
