"""Trailing sums whose bits depend on nothing outside their window.

A running sum, or one by cumulative differences, carries rounding from the start of the array, so
the same cutoff gives other bits in a longer history. Here a window is put together from sums over
powers of two, always in the same order: the value at a position is the same in every array that
holds the window.
"""

import numpy as np

from tidecast.forecasts import Floats


def window_sum(values: Floats, length: int) -> Floats:
    """Sum over the newest ``length`` values at each position; NaN where there are fewer."""
    return discounted_sum(values, length, 1.0)


def discounted_sum(values: Floats, length: int, discount: float) -> Floats:
    """``sum(discount ** k * values[t - k] for k in range(length))``; NaN where there are fewer."""
    total: Floats | None = None
    block, size, covered = values, 1, 0
    while True:
        if length & size:
            shifted = _delayed(block, covered)
            total = shifted if total is None else total + discount**covered * shifted
            covered += size
        if covered == length:
            assert total is not None
            return total
        block = block + discount**size * _delayed(block, size)
        size *= 2


def _delayed(values: Floats, by: int) -> Floats:
    if by == 0:
        return values
    delayed = np.full(len(values), np.nan)
    delayed[by:] = values[:-by]
    return delayed
