"""Inputs for both of Triton's clients, which share their shape, and the faults to be refused."""

from typing import Any

import numpy as np
from checks import SYMBOL


def text(name: str, *values: str | bytes) -> tuple[str, str, np.ndarray]:
    """A BYTES tensor."""
    return name, "BYTES", np.array(values, dtype=np.object_)


def whole(name: str, *values: int) -> tuple[str, str, np.ndarray]:
    """An INT64 tensor."""
    return name, "INT64", np.array(values, dtype=np.int64)


def real(name: str, *values: float) -> tuple[str, str, np.ndarray]:
    """An FP64 tensor."""
    return name, "FP64", np.array(values, dtype=np.float64)


BTC = text("symbol", SYMBOL)
LEVELS = (0.1, 0.5, 0.9)
EVERYTHING = [real("quantile_levels", *LEVELS), whole("horizon", 6), text("interval", "1h"), BTC]
WRONG: dict[str, tuple[list[Any], str]] = {
    "two symbols": ([text("symbol", SYMBOL, "ETH-USD")], "symbol"),
    "no symbol": ([whole("horizon", 6)], "symbol"),
    "symbol twice": ([BTC, BTC], "symbol"),
    "unknown input": ([BTC, whole("steps", 6)], "steps"),
    "not UTF-8": ([text("symbol", b"\xff\xfe")], "symbol"),
    "horizon 0": ([BTC, whole("horizon", 0)], "horizon"),
    "horizon -1": ([BTC, whole("horizon", -1)], "horizon"),
    "horizon 10^9": ([BTC, whole("horizon", 10**9)], "horizon"),
    "horizon of FP64": ([BTC, real("horizon", 6.0)], "datatype"),
    "horizon of INT32": ([BTC, ("horizon", "INT32", np.array([6], dtype=np.int32))], "datatype"),
    "horizon twice as long": ([BTC, whole("horizon", 6, 7)], "horizon"),
    "NaN level": ([BTC, real("quantile_levels", 0.5, float("nan"))], "level"),
    "infinite level": ([BTC, real("quantile_levels", float("inf"))], "level"),
    "level twice": ([BTC, real("quantile_levels", 0.5, 0.5)], "twice"),
    "level that is not served": ([BTC, real("quantile_levels", 0.123)], "0.123"),
    "interval of no candle": ([BTC, text("interval", "2h")], "interval"),
}
UNKNOWN_MARKET = [text("symbol", "DOGE-USD")]
NO_FORECAST = [text("symbol", "SOL-USD")]
