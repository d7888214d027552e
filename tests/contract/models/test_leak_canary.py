"""Shuffle the hours of a market and nothing is left to forecast: skill there would be a leak."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.features.grid import Grid, step_returns
from tidecast.forecasts import LEVELS
from tidecast.models.baselines import RandomWalk
from tidecast.models.ensemble import Ensemble

CANDLES = 3401
TRAINED = 2800
HORIZON = 24
CARRIED = 0.4
"""Share of a return that the next one repeats in the market where there is something to find."""


def _shuffled(seed, carried=0.0):
    """The same candles in random order; optionally each return carries over into the next."""
    candles, random = synthetic_candles(CANDLES, seed=seed), np.random.default_rng(seed)
    logs = np.log(candles[["open", "high", "low", "close"]].to_numpy())
    moves = (logs - logs[:, :1])[random.permutation(CANDLES)]
    body = moves[:, 3]
    added = lfilter([1.0], [1.0, -carried], body) - body
    close = np.log(40_000.0) + np.cumsum(body + added)
    opened = close - body - added
    high = np.maximum(opened + moves[:, 1], close)
    low = np.minimum(opened + moves[:, 2], close)
    prices = np.exp(np.column_stack([opened, high, low, close]))
    frame = pd.DataFrame(prices, columns=["open", "high", "low", "close"], index=candles.index)
    return frame.assign(volume=candles["volume"].to_numpy()[random.permutation(CANDLES)])


def _judged(candles):
    """Forecasts of each member and of the random walk behind their training, and what came."""
    grid, training = Grid.of(candles, "1h"), candles.iloc[:TRAINED]
    cutoffs = grid.ends[TRAINED : CANDLES - HORIZON]
    ensemble = Ensemble.fit(training, "1h", HORIZON, seed=7)
    forecasts = ensemble.predict_members(candles, cutoffs)
    forecasts["random_walk"] = RandomWalk.fit(training, "1h", HORIZON).predict(candles, cutoffs)
    return forecasts, step_returns(grid, HORIZON)[grid.positions(cutoffs, 1)]


def _error_ratio(forecasts, actual):
    """MASE against the random walk on the same points, one for each step."""
    return np.abs(actual - forecasts.center).mean(axis=0) / np.abs(actual).mean(axis=0)


def _loss(forecasts, actual):
    """Mean pinball loss, one for each step."""
    miss = actual[..., None] - forecasts.quantiles
    return np.maximum(np.array(LEVELS) * miss, (np.array(LEVELS) - 1) * miss).mean(axis=(0, 2))


@pytest.fixture(scope="module", params=[1, 2])
def noise(request):
    return _judged(_shuffled(request.param))


@pytest.fixture(scope="module")
def carried():
    return _judged(_shuffled(1, CARRIED))


def test_centre_has_no_skill_on_shuffled_hours(noise):
    forecasts, actual = noise
    ratio = _error_ratio(forecasts["ensemble"], actual)
    assert 0.99 < ratio[0] < 1.01
    assert (ratio > 0.98).all()
    assert (ratio < 1.03).all()


def test_band_has_no_skill_on_shuffled_hours(noise):
    forecasts, actual = noise
    skill = 1 - _loss(forecasts["ensemble"], actual) / _loss(forecasts["random_walk"], actual)
    assert abs(skill[0]) < 0.02
    assert (np.abs(skill) < 0.05).all()


@pytest.mark.parametrize("member", ["sarimax", "boosting"])
def test_direction_is_a_coin_on_shuffled_hours(member, noise):
    """The members on their own: a weight of zero would hide what one of them knows."""
    forecasts, actual = noise
    right = np.sign(forecasts[member].center[:, 0]) == np.sign(actual[:, 0])
    assert right.mean() == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(len(actual)))


def test_centre_stays_small_on_shuffled_hours(noise):
    """Whatever weight noise was given, the centre moves by little of what an hour moves."""
    forecasts, actual = noise
    assert forecasts["ensemble"].center[:, 0].std() < 0.1 * actual[:, 0].std()


def test_canary_sings_when_there_is_something_to_find(carried):
    forecasts, actual = carried
    center = forecasts["ensemble"].center[:, 0]
    assert _error_ratio(forecasts["ensemble"], actual)[0] < 0.99
    assert (np.sign(center) == np.sign(actual[:, 0])).mean() > 0.58


@pytest.mark.parametrize("member", ["sarimax", "boosting"])
def test_each_member_finds_what_there_is_to_find(member, carried):
    forecasts, actual = carried
    center = forecasts[member].center[:, 0]
    assert np.corrcoef(center, actual[:, 0])[0, 1] > 0.2
