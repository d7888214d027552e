"""Plotly figures of a backtest, made of its forecasts and its report."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tidecast.evaluation import metrics, regimes
from tidecast.evaluation.metrics import BANDS
from tidecast.evaluation.report import BacktestResult, has_distribution
from tidecast.forecasts import LEVELS, Floats

INK, MUTED, GRID, ALERT = "#1b2733", "#66727f", "#e4e8ec", "#c8373f"
MAIN = "#083d6b"
BAND_COLOURS = {95: "#dfecf7", 90: "#c2dcf0", 80: "#98c3e4", 50: "#63a3d3"}
BAND_LINES = {95: "#5b7083", 90: MAIN, 80: "#3f86bd", 50: "#7fb3dc"}
OTHERS = ("#e07b39", "#4c956c", "#8e6bbf", "#c2a83e", "#3aa6a6", "#b0578d", "#7d8597", "#a3623a")
FAR_OFF = 0.1
"""Models this much worse than the reference start hidden, or they flatten all other lines."""
ROLLING_DAYS = 30
NOISE_ERRORS = 2.0
"""Rolling coverage inside so many standard errors of nominal is taken for noise."""


def shown_steps(horizon: int) -> list[int]:
    """Steps that stand for all: 1, a quarter, a half and the last."""
    return sorted({1, max(1, horizon // 4), max(1, horizon // 2), horizon})


def dressed(figure: go.Figure, y_title: str, x_title: str = "", height: int = 380) -> go.Figure:
    """The same quiet look for every figure."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 64, "r": 24, "t": 36, "b": 48},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hovermode="x unified",
    )
    figure.update_xaxes(title_text=x_title, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title_text=y_title, gridcolor=GRID, zeroline=False)
    return figure


def week_of_fans(result: BacktestResult, rank: float) -> go.Figure:
    """One fan a day over a week, beside what happened.

    Args:
        result: the backtest.
        rank: which week by the size of its moves: 0.5 the usual one, 1.0 the wildest.
    """
    forecasts, week = result.forecasts[result.main_model], result.cutoffs_per_week
    first = _week_start(forecasts.close, week, rank)
    last = min(first + week, len(forecasts))
    figure = go.Figure()
    for number, row in enumerate(range(first, last, result.horizon)):
        _add_fan(figure, result, row, named=number == 0)
    shown = slice(first, last + 1)
    figure.add_scatter(
        x=forecasts.cutoffs[shown],
        y=forecasts.close[shown],
        name="price",
        line={"color": INK, "width": 1.6},
        hovertemplate="%{y:,.6~g}",
    )
    figure = dressed(figure, f"price, {result.market}", "UTC", 460)
    # The default writes 0.000012 as 12 micro.
    return figure.update_yaxes(exponentformat="none")


def _week_start(close: Floats, week: int, rank: float) -> int:
    """First row of the week at this rank of squared moves, weeks laid end to end."""
    moves = np.diff(np.log(close), prepend=np.log(close[:1])) ** 2
    starts = np.arange(0, max(1, len(close) - week + 1), week)
    sizes = np.array([moves[start : start + week].sum() for start in starts])
    return int(starts[np.argsort(sizes)[round(rank * (len(starts) - 1))]])


def _add_fan(figure: go.Figure, result: BacktestResult, row: int, *, named: bool) -> None:
    forecasts = result.forecasts[result.main_model]
    cutoff, close = forecasts.cutoffs[row], forecasts.close[row]
    length = result.interval_length
    times = [cutoff + step * length for step in range(result.horizon + 1)]
    prices = close * np.exp(np.vstack([np.zeros(len(LEVELS)), forecasts.quantiles[row]]))
    for percent in sorted(BANDS, reverse=True):
        low, high = metrics.band(prices, LEVELS, percent)
        figure.add_scatter(
            x=[*times, *times[::-1]],
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            mode="lines",
            fillcolor=BAND_COLOURS[percent],
            line={"width": 0},
            name=f"{percent} % band",
            legendgroup=str(percent),
            showlegend=named,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=times,
        y=prices[:, LEVELS.index(0.5)],
        name="median",
        legendgroup="median",
        showlegend=named,
        line={"color": MAIN, "width": 1.2, "dash": "dash"},
        hoverinfo="skip",
    )


def pit_histograms(result: BacktestResult, contents: dict[str, Any]) -> go.Figure:
    """Outcomes per twentieth of the forecast distribution; flat is calibrated."""
    steps = shown_steps(result.horizon)
    figure = make_subplots(1, len(steps), subplot_titles=[f"step {step}" for step in steps])
    for column, step in enumerate(steps, start=1):
        row = contents["models"][result.main_model]["steps"][step - 1]
        counts = np.array(row["pit"], dtype=np.float64)
        middles = (np.arange(len(counts)) + 0.5) / len(counts)
        ratios = counts / counts.mean() if counts.sum() else counts
        figure.add_bar(
            x=middles, y=ratios, marker_color=BAND_COLOURS[50], showlegend=False, row=1, col=column
        )
        figure.add_hline(y=1, line={"color": MUTED, "dash": "dot", "width": 1}, row=1, col=column)
    figure = dressed(figure, "", "level of the outcome", 320)
    return figure.update_yaxes(title_text="outcomes / expected", col=1)


def coverage_by_step(result: BacktestResult, contents: dict[str, Any]) -> go.Figure:
    """Coverage of each band at each step, with its nominal value."""
    rows = contents["models"][result.main_model]["steps"]
    figure = go.Figure()
    for percent in BANDS:
        figure.add_scatter(
            x=[row["step"] for row in rows],
            y=[row["coverage"][str(percent)] for row in rows],
            name=f"{percent} % band",
            mode="lines+markers",
            line={"color": BAND_LINES[percent]},
        )
        figure.add_hline(y=percent / 100, line={"color": MUTED, "dash": "dot", "width": 1})
    return dressed(figure, "coverage", "step").update_yaxes(tickformat=".0%")


def coverage_over_time(result: BacktestResult) -> go.Figure:
    """Coverage of the 90 % band over the last 30 days, with the width that noise alone has."""
    forecasts = result.forecasts[result.main_model]
    window = min(result.cutoffs_per_week * ROLLING_DAYS // 7, len(forecasts))
    figure = go.Figure()
    for step, colour in ((1, MAIN), (result.horizon, OTHERS[0])):
        known = np.isfinite(result.actual_returns[:, step - 1])
        low, high = metrics.band(forecasts.quantiles[known, step - 1], LEVELS, 90)
        inside = metrics.covered(low, high, result.actual_returns[known, step - 1])
        if len(inside) < window:
            continue
        figure.add_scatter(
            x=forecasts.cutoffs[known][window - 1 :],
            y=regimes.rolling_coverage(inside, window),
            name=f"step {step}",
            line={"color": colour, "width": 1.6},
        )
        noise = NOISE_ERRORS * math.sqrt(0.9 * 0.1 * step / window)
        for edge in (0.9 - noise, min(1.0, 0.9 + noise)):
            figure.add_hline(y=edge, line={"color": colour, "dash": "dot", "width": 1})
    figure.add_hline(y=0.9, line={"color": MUTED, "width": 1})
    return dressed(figure, "coverage of the 90 % band", "UTC").update_yaxes(tickformat=".0%")


def skill_by_step(result: BacktestResult, contents: dict[str, Any], reference: str) -> go.Figure:
    """CRPS skill of every model over a reference at each step."""
    figure = go.Figure()
    for name, style in _styles(result).items():
        if has_distribution(result.forecasts[name]):
            rows = contents["models"][name]["steps"]
            skill = [row["skill"][reference] for row in rows]
            far_off = name != result.main_model and min(filter(None, skill), default=0) < -FAR_OFF
            figure.add_scatter(
                x=[row["step"] for row in rows],
                y=skill,
                hovertemplate="%{y:.2%}",
                visible="legendonly" if far_off else True,
                **style,
            )
    label = f"CRPS skill over {reference}"
    return dressed(figure, label, "step").update_yaxes(tickformat=".1%")


def mase_by_step(result: BacktestResult, contents: dict[str, Any]) -> go.Figure:
    """Error of every centre over that of the random walk at each step."""
    figure = go.Figure()
    for name, style in _styles(result).items():
        rows = contents["models"][name]["steps"]
        errors = [row["mase"] for row in rows]
        far_off = name != result.main_model and max(filter(None, errors), default=1) > 1 + FAR_OFF
        figure.add_scatter(
            x=[row["step"] for row in rows],
            y=errors,
            hovertemplate="%{y:.4f}",
            visible="legendonly" if far_off else True,
            **style,
        )
    figure.add_hline(y=1, line={"color": MUTED, "dash": "dot", "width": 1})
    return dressed(figure, "MASE against the random walk", "step")


def _styles(result: BacktestResult) -> dict[str, dict[str, Any]]:
    """Name, colour and width of each model's line: the main one thick, on top, first in legends."""
    others = [name for name in result.forecasts if name != result.main_model]
    styles: dict[str, dict[str, Any]] = {
        name: {"name": name, "line": {"color": OTHERS[i % len(OTHERS)], "width": 1.2}}
        for i, name in enumerate(others)
    }
    thick = {"color": MAIN, "width": 3}
    return styles | {result.main_model: {"name": result.main_model, "line": thick, "legendrank": 1}}
