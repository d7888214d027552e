"""Every feature written again as plain loops over instants: slow, simple, and by another hand.

Windows are looked up by time in a dictionary; nothing is shared with the code under test but the
names of the columns, from which the spans are read.
"""

import math
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

LENGTH = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
WEEK = {"5m": 864, "1h": 168, "1d": 7}
FLOOR = 1e-9
TINY = 1e-12


class Candle(NamedTuple):
    open: float
    high: float
    low: float
    close: float
    volume: float


def naive_feature(name: str, history: "History") -> float:
    """One feature at the cutoff of a history."""
    for prefix, feature in FEATURES.items():
        if name.startswith(prefix):
            spans = [int(part) for part in name.removeprefix(prefix).split("_over_") if part]
            return feature(history, *spans)
    raise AssertionError(f"no oracle for {name}")


class History:
    """Candles before a cutoff, newest first; a missing one is flat at the close before it."""

    def __init__(self, candles: pd.DataFrame, cutoff: datetime, interval: str) -> None:
        self.length, self.week = LENGTH[interval], WEEK[interval]
        self.cutoff = cutoff
        self.known = {
            row.Index.to_pydatetime(): Candle(row.open, row.high, row.low, row.close, row.volume)
            for row in candles.itertuples()
        }

    def back(self, count: int) -> Candle:
        """The candle that ended ``count`` candles before the cutoff."""
        time = self.cutoff - (count + 1) * self.length
        if time in self.known:
            return self.known[time]
        while time not in self.known:
            time -= self.length
        close = self.known[time].close
        return Candle(close, close, close, close, 0.0)

    def candles(self, span: int) -> list[Candle]:
        return [self.back(count) for count in range(span)]

    def closes(self, span: int) -> list[float]:
        """Oldest first."""
        return [candle.close for candle in reversed(self.candles(span))]

    def returns(self, span: int) -> list[float]:
        closes = self.closes(span + 1)
        return [math.log(b / a) for a, b in zip(closes[:-1], closes[1:], strict=True)]


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(candle: Candle) -> float:
    height = math.log(candle.high) - math.log(candle.low)
    body = math.log(candle.close) - math.log(candle.open)
    garman_klass = height * height / 2 - (2 * math.log(2) - 1) * body * body
    return (height * height / math.log(16) + max(garman_klass, 0.0)) / 2


def _log_variance(history: History, span: int) -> float:
    return math.log(_mean([_variance(candle) for candle in history.candles(span)]) + FLOOR)


def _log_squared_return(history: History, span: int) -> float:
    return math.log(_mean([r * r for r in history.returns(span)]) + FLOOR)


def _downside_share(history: History, span: int) -> float:
    returns = history.returns(span)
    falls = math.fsum(r * r for r in returns if r < 0)
    return falls / (math.fsum(r * r for r in returns) + span * FLOOR)


def _return(history: History, span: int) -> float:
    week = _mean([_variance(candle) for candle in history.candles(history.week)]) + FLOOR
    moved = math.log(history.back(0).close / history.back(span).close)
    return moved / math.sqrt(week * span)


def _log_volume_ratio(history: History, short: int, long: int) -> float:
    recent = _mean([candle.volume for candle in history.candles(short)])
    usual = _mean([candle.volume for candle in history.candles(long)])
    return math.log((recent + TINY) / (usual + TINY))


def _sma_distance(history: History) -> float:
    return history.back(0).close / _mean(history.closes(50)) - 1


def _bollinger(history: History) -> tuple[float, float]:
    closes = history.closes(20)
    middle = _mean(closes)
    deviation = math.sqrt(_mean([(close - middle) ** 2 for close in closes]))
    return middle, 4 * deviation


def _bollinger_position(history: History) -> float:
    middle, width = _bollinger(history)
    return (history.back(0).close - middle) / width if width else 0.0


def _bollinger_width(history: History) -> float:
    middle, width = _bollinger(history)
    return width / middle


def _rsi(history: History) -> float:
    """Wilder's smoothing, started with the plain mean of the first 14 moves of 200 closes."""
    closes = history.closes(200)
    moves = [b - a for a, b in zip(closes[:-1], closes[1:], strict=True)]
    rise = _mean([max(move, 0.0) for move in moves[:14]])
    fall = _mean([max(-move, 0.0) for move in moves[:14]])
    for move in moves[14:]:
        rise = (13 * rise + max(move, 0.0)) / 14
        fall = (13 * fall + max(-move, 0.0)) / 14
    return rise / (rise + fall) if rise + fall else 0.0


def _ema(values: list[float], period: int) -> list[float]:
    """Exponential mean from the plain mean of the first ``period`` values on."""
    out = [_mean(values[:period])]
    for value in values[period:]:
        out.append(out[-1] + 2 / (period + 1) * (value - out[-1]))
    return out


def _macd_histogram(history: History) -> float:
    """MACD(12, 26, 9); both means start at the 26th close, as TA-Lib has it."""
    closes = history.closes(200)
    fast, slow = _ema(closes[14:], 12), _ema(closes, 26)
    line = [a - b for a, b in zip(fast, slow, strict=True)]
    return (line[-1] - _ema(line, 9)[-1]) / closes[-1]


FEATURES = {
    "log_variance_": _log_variance,
    "log_squared_return_": _log_squared_return,
    "downside_share_": _downside_share,
    "return_": _return,
    "log_volume_": _log_volume_ratio,
    "sma_distance": _sma_distance,
    "bollinger_position": _bollinger_position,
    "bollinger_width": _bollinger_width,
    "rsi": _rsi,
    "macd_histogram": _macd_histogram,
}
