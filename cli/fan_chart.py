"""The fan of one forecast in a terminal: recent closes, then central bands as shades."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from rich.text import Text

from tidecast.forecasts import LEVELS, Floats, Forecast
from tidecast.prices import price_text

BANDS = ((0.95, "░", "blue"), (0.8, "▒", "bright_blue"), (0.5, "▓", "bright_cyan"))
"""Central bands, widest first, with their shade and colour."""

MEDIAN, CLOSE = ("━", "bold white"), ("•", "yellow")
ROWS = 18
MIN_MARGIN = 12
"""Columns at the left for labels; more where prices have more digits."""

Cell = tuple[str, str]


def fan_chart(forecast: Forecast, closes: pd.Series, width: int) -> Text:
    """Draw a fan.

    Args:
        forecast: what to draw.
        closes: recent closes, oldest first; the last is the one at the cutoff.
        width: columns of the terminal.
    """
    margin = _margin(closes.to_numpy()[-width:], forecast)
    steps = _columns_per_step(forecast.horizon, width - margin)
    room = max(width - margin - forecast.horizon * steps, 1)
    past = closes.to_numpy()[-room:]
    prices = _grid(past, forecast)
    cells = [[(" ", "") for _ in range(len(past) + forecast.horizon * steps)] for _ in prices]
    for column, price in enumerate(past):
        cells[_row(prices, price)][column] = CLOSE
    for step, quantiles in enumerate(forecast.quantiles):
        for column in range(len(past) + step * steps, len(past) + (step + 1) * steps):
            _draw_step(cells, column, quantiles, prices)
    text = _framed(cells, prices, margin)
    edges = ((len(past) - 1, forecast.cutoff), (len(cells[0]) - 1, forecast.target_times[-1]))
    text.append(_times(edges, len(cells[0]), margin))
    return text.append_text(_legend(margin))


def _margin(past: Floats, forecast: Forecast) -> int:
    """Columns for the longest label of any grid over these closes."""
    return max(MIN_MARGIN, *(len(label) + 2 for label in _labels(_grid(past, forecast))))


def _labels(prices: Floats) -> list[str]:
    return [price_text(price, float(np.ptp(prices))) for price in prices]


def _columns_per_step(horizon: int, columns: int) -> int:
    return max(columns // (3 * horizon), 1)


def _grid(past: Floats, forecast: Forecast) -> Floats:
    """Price at the middle of each row, highest first, wide enough for all that is drawn."""
    low, high = (forecast.quantiles[:, LEVELS.index(level)] for level in (0.025, 0.975))
    shown = np.concatenate([past, low, high])
    return np.linspace(shown.max(), shown.min(), ROWS)


def _row(prices: Floats, price: float) -> int:
    return int(np.abs(prices - price).argmin())


def _draw_step(cells: list[list[Cell]], column: int, quantiles: Floats, prices: Floats) -> None:
    for band, shade, colour in BANDS:
        low, high = (
            quantiles[LEVELS.index(round(level, 3))] for level in (0.5 - band / 2, 0.5 + band / 2)
        )
        for row in range(_row(prices, high), _row(prices, low) + 1):
            cells[row][column] = (shade, colour)
    cells[_row(prices, quantiles[LEVELS.index(0.5)])][column] = MEDIAN


def _framed(cells: Sequence[Sequence[Cell]], prices: Floats, margin: int) -> Text:
    text = Text()
    for number, (row, label) in enumerate(zip(cells, _labels(prices), strict=True)):
        labelled = number % 4 == 0 or number == ROWS - 1
        text.append(f"{label:>{margin - 2}} ┤" if labelled else f"{'│':>{margin}}")
        for character, style in row:
            text.append(character, style=style)
        text.append("\n")
    return text


def _times(edges: Sequence[tuple[int, datetime]], columns: int, margin: int) -> str:
    line = [" "] * (margin + columns)
    for column, moment in edges:
        label = f"{moment:%d %b %H:%M}"
        start = margin + column - len(label) // 2
        start = max(min(start, len(line) - len(label)), 0)
        line[start : start + len(label)] = label
    return "".join(line).rstrip() + "\n"


def _legend(margin: int) -> Text:
    text = Text(" " * margin)
    for character, style, meaning in (
        (*CLOSE, "close"),
        (*MEDIAN, "median"),
        *((shade, colour, f"{band:.0%} band") for band, shade, colour in BANDS[::-1]),
    ):
        text.append(character, style=style)
        text.append(f" {meaning}   ")
    return text
