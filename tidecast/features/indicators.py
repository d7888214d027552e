"""Technical indicators by TA-Lib, each from the newest ``WINDOW`` closes only.

TA-Lib's RSI and MACD remember the first value of the array they get. A fixed window makes the value
at a cutoff the same in every history, to the last bit.
"""

from collections.abc import Iterable

import numpy as np
import talib

from tidecast.forecasts import Floats

WINDOW = 200
"""Closes that an indicator sees; the weight of older ones in MACD(12, 26, 9) is below 1e-6."""
NAMES = ("sma_distance", "bollinger_position", "bollinger_width", "rsi", "macd_histogram")
SMA_LENGTH = 50
BOLLINGER_LENGTH = 20
RSI_LENGTH = 14


def indicators(close: Floats, rows: Iterable[int]) -> Floats:
    """Indicators at the given positions, shape ``(len(rows), len(NAMES))``, without unit.

    Positions with fewer than ``WINDOW`` closes are NaN.
    """
    return np.array(
        [
            _at(close[row + 1 - WINDOW : row + 1]) if row + 1 >= WINDOW else [np.nan] * len(NAMES)
            for row in rows
        ]
    ).reshape(-1, len(NAMES))


def _at(close: Floats) -> list[float]:
    last = close[-1]
    average = talib.SMA(close[-SMA_LENGTH:], SMA_LENGTH)[-1]
    upper, middle, lower = (
        band[-1] for band in talib.BBANDS(close[-BOLLINGER_LENGTH:], BOLLINGER_LENGTH)
    )
    width = upper - lower
    _, _, histogram = talib.MACD(close)
    return [
        last / average - 1.0,
        (last - middle) / width if width > 0 else 0.0,
        width / middle,
        talib.RSI(close, RSI_LENGTH)[-1] / 100.0,
        histogram[-1] / last,
    ]
