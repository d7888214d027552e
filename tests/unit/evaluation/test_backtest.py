from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tidecast.errors import InvalidParameter
from tidecast.evaluation.backtest import (
    UNCALIBRATED,
    Plan,
    calibrate_online,
    forecast_frame,
    walk_forward,
)
from tidecast.evaluation.report import BacktestResult
from tidecast.forecasts import LEVELS, PERCENTILES
from tidecast.models import catalogue
from tidecast.models.calibration import Calibration, centered
from tidecast.models.forecasting import forecast_at
from tidecast.models.model import ReturnForecasts
from tidecast.timeframes import Market

MARKET = Market("BTC-USD", "1h")
HOUR = timedelta(hours=1)
START = datetime(2018, 6, 1, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "sample" / "coinbase_btc_usd_1h_2018_2019.parquet"
CHEAP = ("random_walk", "ewma")


@pytest.fixture(scope="module")
def candles() -> pd.DataFrame:
    frame = pd.read_parquet(SAMPLE).set_index("timestamp").rename_axis("open_time")
    return frame[: START + timedelta(days=12)]


def plan(days: float = 6, names: tuple[str, ...] = CHEAP, refit_days: float = 3) -> Plan:
    return Plan(
        START,
        START + timedelta(days=days),
        timedelta(days=refit_days),
        timedelta(days=110),
        names=names,
        workers=1,
    )


@pytest.fixture(scope="module")
def walked(candles: pd.DataFrame) -> BacktestResult:
    return walk_forward(candles, MARKET, plan(2, ("ensemble",), 2))


def test_walk_forward_forecasts_every_cutoff_of_the_plan_once(candles: pd.DataFrame) -> None:
    result = walk_forward(candles, MARKET, plan())
    cutoffs = result.forecasts["random_walk"].cutoffs
    assert list(cutoffs) == list(pd.date_range(START, periods=6 * 24, freq="h"))
    assert len(result.refits) == 2


def test_walk_forward_measures_returns_to_the_close_that_ends_at_the_target(
    candles: pd.DataFrame,
) -> None:
    result = walk_forward(candles, MARKET, plan(1, refit_days=1))
    cutoff = START + 5 * HOUR
    expected = np.log(candles.loc[cutoff + 2 * HOUR, "close"] / candles.loc[cutoff - HOUR, "close"])
    assert result.actual_returns[5, 2] == pytest.approx(expected, abs=1e-12)


def test_walk_forward_leaves_returns_after_the_last_candle_unknown(
    candles: pd.DataFrame,
) -> None:
    ending = candles[: START + timedelta(days=1) - HOUR]
    result = walk_forward(ending, MARKET, plan(2, refit_days=2))
    assert np.isnan(result.actual_returns[-1]).all()


def test_walk_forward_forecasts_stay_when_the_future_changes(candles: pd.DataFrame) -> None:
    at = START + timedelta(days=1)
    other = candles.copy()
    other.loc[at:] *= 1.7
    rows = slice(0, 24)
    before, after = (
        walk_forward(frame, MARKET, plan(2, ("ensemble", "ewma"), 1)) for frame in (candles, other)
    )
    for name in before.forecasts:
        was, now = before.forecasts[name].take(rows), after.forecasts[name].take(rows)
        assert np.array_equal(was.quantiles, now.quantiles), name
        assert np.array_equal(was.center, now.center), name


def test_walk_forward_training_ends_at_the_refit(candles: pd.DataFrame) -> None:
    result = walk_forward(candles, MARKET, plan())
    assert [fit["train_candles"] for fit in result.refits] == [110 * 24, 110 * 24]


def test_walk_forward_refuses_a_plan_without_candles(candles: pd.DataFrame) -> None:
    late = Plan(
        datetime(2030, 1, 1, tzinfo=UTC),
        datetime(2030, 2, 1, tzinfo=UTC),
        timedelta(days=30),
        timedelta(days=110),
    )
    with pytest.raises(InvalidParameter, match="no candle ends"):
        walk_forward(candles, MARKET, late)


def test_served_forecast_is_that_of_the_backtest_to_the_last_bit(
    candles: pd.DataFrame, walked: BacktestResult
) -> None:
    training = candles[START - timedelta(days=110) : START - HOUR]
    model = catalogue.fit("ensemble", training, "1h", 24)
    calibration = Calibration.initial(24)
    frame = forecast_frame(walked.forecasts["ensemble"], MARKET).set_index(["cutoff", "step"])
    served: dict[pd.Timestamp, np.ndarray] = {}
    for hour in range(30):
        cutoff = pd.Timestamp(START + hour * HOUR)
        due = [step for step in range(1, 25) if cutoff - step * HOUR in served]
        if due:
            origins = [cutoff - step * HOUR for step in due]
            now = candles.loc[cutoff - HOUR, "close"]
            actual = [np.log(now / candles.loc[origin - HOUR, "close"]) for origin in origins]
            calibration.update(
                due,
                np.array([served[o][s - 1] for o, s in zip(origins, due, strict=True)]),
                np.array(actual),
            )
        forecast = forecast_at(
            model, calibration, candles, MARKET, "1", cutoff=cutoff.to_pydatetime()
        )
        served[cutoff] = np.log(forecast.quantiles / forecast.close)
        columns = [f"q{level:.2f}" for level in PERCENTILES]
        expected = frame.loc[cutoff]
        chosen = [LEVELS.index(level) for level in PERCENTILES]
        assert np.array_equal(forecast.quantiles[:, chosen], expected[columns].to_numpy())
        assert np.array_equal(forecast.mean, expected["mean"].to_numpy())


def test_forecast_frame_has_the_documented_columns(walked: BacktestResult) -> None:
    frame = forecast_frame(walked.forecasts["ensemble"], MARKET)
    names = ["cutoff", "step", "target_time", "mean", *(f"q{p / 100:.2f}" for p in range(1, 100))]
    assert list(frame.columns) == names
    assert (frame["target_time"] - frame["cutoff"] == frame["step"] * pd.Timedelta(HOUR)).all()
    assert len(frame) == 48 * 24


def test_forecast_frame_says_what_its_labels_mean(walked: BacktestResult, tmp_path: Path) -> None:
    path = tmp_path / "forecasts.parquet"
    forecast_frame(walked.forecasts["ensemble"], MARKET).to_parquet(path, index=False)
    assert "open_time + interval" in pd.read_parquet(path).attrs["cutoff"]


def test_walk_forward_reports_the_ensemble_with_and_without_correction(
    walked: BacktestResult,
) -> None:
    corrected, raw = walked.forecasts["ensemble"], walked.forecasts[UNCALIBRATED]
    first = raw.take(slice(0, 1))
    assert np.array_equal(corrected.quantiles[:1], centered(first.center, first.quantiles))
    assert not np.array_equal(corrected.quantiles[-1], raw.quantiles[-1])
    assert {"sarimax", "boosting", "har"} <= set(walked.forecasts)


def test_calibrate_online_uses_an_outcome_only_once_it_is_known() -> None:
    rng = np.random.default_rng(3)
    n, horizon = 40, 3
    shape = np.linspace(-2, 2, len(LEVELS))
    raw = ReturnForecasts(
        pd.date_range(START, periods=n, freq="h", name=None),
        np.ones(n),
        np.zeros((n, horizon)),
        np.broadcast_to(shape, (n, horizon, len(LEVELS))).copy(),
    )
    actual = rng.normal(size=(n, horizon))
    changed = actual.copy()
    changed[20, 2] = 9.0
    plain, other = (
        calibrate_online(raw, outcomes, MARKET, Calibration.initial(horizon)).quantiles
        for outcomes in (actual, changed)
    )
    assert np.array_equal(plain[:23], other[:23])
    assert not np.array_equal(plain[23:, 2], other[23:, 2])
