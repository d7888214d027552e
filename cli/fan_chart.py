"""The fan of one forecast in a terminal: recent closes, then central bands as shades."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from rich.text import Text

from cli.prices import price_text
from tidecast.forecasts import LEVELS, Floats, Forecast

BANDS = ((0.95, "░", "blue"), (0.8, "▒", "bright_blue"), (0.5, "▓", "bright_cyan"))
"""Central bands, widest first, with their shade and colour."""

MEDIAN, CLOSE = ("━", "bold white"), ("•", "yellow")
ROWS = 18
LABEL_WIDTH = 12

Cell = tuple[str, str]


def fan_chart(forecast: Forecast, closes: pd.Series, width: int) -> Text:
    """Draw a fan.

    Args:
        forecast: what to draw.
        closes: recent closes, oldest first; the last is the one at the cutoff.
        width: columns of the terminal.
    """
    steps = _columns_per_step(forecast.horizon, width)
    room = max(width - LABEL_WIDTH - forecast.horizon * steps, 1)
    past = closes.to_numpy()[-room:]
    prices = _grid(past, forecast)
    cells = [[(" ", "") for _ in range(len(past) + forecast.horizon * steps)] for _ in prices]
    for column, price in enumerate(past):
        cells[_row(prices, price)][column] = CLOSE
    for step, quantiles in enumerate(forecast.quantiles):
        for column in range(len(past) + step * steps, len(past) + (step + 1) * steps):
            _draw_step(cells, column, quantiles, prices)
    text = _framed(cells, prices)
    text.append(_times(forecast.cutoff, forecast.target_times[-1], len(past), len(cells[0])))
    return text.append_text(_legend())


def _columns_per_step(horizon: int, width: int) -> int:
    return max((width - LABEL_WIDTH) // (3 * horizon), 1)


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


def _framed(cells: Sequence[Sequence[Cell]], prices: Floats) -> Text:
    text = Text()
    for number, (row, price) in enumerate(zip(cells, prices, strict=True)):
        label = price_text(price) if number % 4 == 0 or number == ROWS - 1 else ""
        text.append(f"{label:>{LABEL_WIDTH - 2}} ┤" if label else f"{'│':>{LABEL_WIDTH}}")
        for character, style in row:
            text.append(character, style=style)
        text.append("\n")
    return text


def _times(cutoff: datetime, end: datetime, before: int, columns: int) -> str:
    line = [" "] * (LABEL_WIDTH + columns)
    for column, moment in ((before - 1, cutoff), (columns - 1, end)):
        label = f"{moment:%d %b %H:%M}"
        start = LABEL_WIDTH + column - len(label) // 2
        start = max(min(start, len(line) - len(label)), 0)
        line[start : start + len(label)] = label
    return "".join(line).rstrip() + "\n"


def _legend() -> Text:
    text = Text(" " * LABEL_WIDTH)
    for character, style, meaning in (
        (*CLOSE, "close"),
        (*MEDIAN, "median"),
        *((shade, colour, f"{band:.0%} band") for band, shade, colour in BANDS[::-1]),
    ):
        text.append(character, style=style)
        text.append(f" {meaning}   ")
    return text
