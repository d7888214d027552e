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
    """Active candles before a cutoff; missing and still ones are stepped over."""

    def __init__(self, candles: pd.DataFrame, cutoff: datetime, interval: str) -> None:
        self.length, self.week = LENGTH[interval], WEEK[interval]
        self.cutoff = cutoff
        self.active: list[tuple[datetime, Candle]] = []
        last = math.nan
        for row in candles[candles.index < cutoff].itertuples():
            candle = Candle(row.open, row.high, row.low, row.close, row.volume)
            if candle.high > candle.low or candle.close != last:
                self.active.append((row.Index.to_pydatetime(), candle))
            last = candle.close

    def back(self, count: int) -> Candle:
        """The active candle ``count`` before the newest."""
        return self.active[-1 - count][1]

    def elapsed(self, count: int) -> float:
        """Candles of time since the active candle before it."""
        return (self.active[-1 - count][0] - self.active[-2 - count][0]) / self.length

    def candles(self, span: int) -> list[Candle]:
        return [self.back(count) for count in range(span)]

    def closes(self, span: int) -> list[float]:
        """Oldest first."""
        return [candle.close for candle in reversed(self.candles(span))]

    def returns(self, span: int) -> list[float]:
        """Per square root of the time that each took, newest first."""
        return [self._return(i) for i in range(span)]

    def _return(self, count: int) -> float:
        candle = self.back(count)
        moved = math.log(candle.close / self.back(count + 1).close)
        if self.elapsed(count) == 1:
            return moved
        own, spread = math.log(candle.close / candle.open), moved / math.sqrt(self.elapsed(count))
        return own if abs(own) > abs(spread) else spread

    def variances(self, span: int) -> list[float]:
        return [self._variance(i) for i in range(span)]

    def _variance(self, count: int) -> float:
        candle, before = self.back(count), self.back(count + 1).close
        true_range = Candle(
            before, max(candle.high, before), min(candle.low, before), candle.close, 0.0
        )
        return max(_variance(candle), _variance(true_range) / self.elapsed(count))


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(candle: Candle) -> float:
    height = math.log(candle.high) - math.log(candle.low)
    body = math.log(candle.close) - math.log(candle.open)
    garman_klass = height * height / 2 - (2 * math.log(2) - 1) * body * body
    return (height * height / math.log(16) + max(garman_klass, 0.0)) / 2


def _log_variance(history: History, span: int) -> float:
    return math.log(_mean(history.variances(span)) + FLOOR)


def _log_squared_return(history: History, span: int) -> float:
    return math.log(_mean([r * r for r in history.returns(span)]) + FLOOR)


def _downside_share(history: History, span: int) -> float:
    returns = history.returns(span)
    falls = math.fsum(r * r for r in returns if r < 0)
    return falls / (math.fsum(r * r for r in returns) + span * FLOOR)


def _return(history: History, span: int) -> float:
    week = _mean(history.variances(history.week)) + FLOOR
    return math.fsum(history.returns(span)) / math.sqrt(week * span)


def _log_volume_ratio(history: History, short: int, long: int) -> float:
    recent, usual = (
        [candle.volume for candle in history.candles(span) if candle.volume > 0]
        for span in (short, long)
    )
    ratio = _mean(recent) / _mean(usual) if recent and usual else 1.0
    return math.log(ratio) if ratio >= 0.001 else 0.0


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
