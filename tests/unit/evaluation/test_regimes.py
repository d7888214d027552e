import math

import numpy as np
import pytest

from tidecast.evaluation.regimes import (
    VOLATILITY_WINDOW,
    rolling_coverage,
    volatility_terciles,
    worst_coverage,
)


def test_terciles_follow_the_volatility_before_the_cutoff() -> None:
    sizes = np.repeat([0.001, 0.01, 0.05], 300)
    signs = np.resize([1.0, -1.0], 900)
    close = 100 * np.exp(np.cumsum(sizes * signs))
    terciles = volatility_terciles(close)
    assert (terciles[:VOLATILITY_WINDOW] == -1).all()
    assert (terciles[30:300] == 0).all()
    assert (terciles[330:590] == 1).all()
    assert (terciles[630:] == 2).all()


def test_terciles_are_of_equal_size(random: np.random.Generator) -> None:
    close = 100 * np.exp(random.normal(0, 0.01, 3024).cumsum())
    counts = np.bincount(volatility_terciles(close)[VOLATILITY_WINDOW:])
    assert counts.tolist() == [1000, 1000, 1000]


def test_terciles_do_not_look_ahead(random: np.random.Generator) -> None:
    """A wild future changes no order among the hours before it."""
    close = 100 * np.exp(random.normal(0, 0.01, 400).cumsum())
    changed = close.copy()
    changed[300:] *= np.resize([1.0, 1.2], 100)
    before, after = volatility_terciles(close)[:300], volatility_terciles(changed)[:300]
    assert (after <= before).all()


def test_terciles_are_unknown_when_the_backtest_is_too_short() -> None:
    assert (volatility_terciles(np.full(10, 100.0)) == -1).all()


def test_worst_coverage_is_that_of_the_worst_window(random: np.random.Generator) -> None:
    covered = random.random(500) < 0.9
    naive = min(covered[i : i + 168].mean() for i in range(500 - 168 + 1))
    assert worst_coverage(covered, 168) == pytest.approx(naive)
    assert len(rolling_coverage(covered, 168)) == 333


def test_worst_coverage_is_unknown_without_a_whole_window() -> None:
    assert math.isnan(worst_coverage(np.ones(167, dtype=bool), 168))
