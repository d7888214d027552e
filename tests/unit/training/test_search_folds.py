import numpy as np
import pandas as pd
import pytest

from tidecast.models.boosting import BoostingParameters
from training.search import SearchPlan, fold_loss

SPLIT, FOLD = 2000, 200
QUICK = BoostingParameters(trees=5)


@pytest.fixture(scope="module")
def candles() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 2400)))
    index = pd.date_range("2025-01-01", periods=2400, freq="h", tz="UTC", name="open_time")
    frame = {"open": closes, "high": closes * 1.002, "low": closes * 0.998, "close": closes}
    return pd.DataFrame({**frame, "volume": 1.0}, index=index.as_unit("us"))


@pytest.fixture(scope="module")
def plan() -> SearchPlan:
    return SearchPlan(
        name="BTC-USD:1h/w1",
        store_url="sqlite:////nowhere/tidecast.db",
        trials=1,
        seconds=1.0,
        interval="1h",
        horizon=4,
        fold_candles=FOLD,
        min_train_candles=1800,
        seed=7,
        threads=1,
    )


@pytest.fixture(scope="module")
def loss(plan: SearchPlan, candles: pd.DataFrame) -> float:
    return fold_loss(plan, candles, SPLIT, QUICK)


def test_fold_loss_of_an_honest_forecast_of_noise_is_that_of_its_spread(loss: float) -> None:
    # Of a normal variable the CRPS is 0.564 standard deviations, the mean size 0.798.
    assert loss == pytest.approx(np.sqrt(1 / np.pi) / np.sqrt(2 / np.pi), rel=0.05)


def test_fold_loss_knows_nothing_after_its_fold(
    plan: SearchPlan, candles: pd.DataFrame, loss: float
) -> None:
    other_end = candles.copy()
    other_end.iloc[SPLIT + FOLD :, :4] *= 3

    assert fold_loss(plan, other_end, SPLIT, QUICK) == loss


def test_fold_loss_changes_with_what_happened_in_the_fold(
    plan: SearchPlan, candles: pd.DataFrame, loss: float
) -> None:
    wilder = candles.copy()
    jumps = np.exp(0.2 * (np.arange(FOLD) % 2))
    wilder.iloc[SPLIT : SPLIT + FOLD, :4] *= jumps[:, None]

    assert fold_loss(plan, wilder, SPLIT, QUICK) > 1.1 * loss
