"""Picture of one forecast as a PNG file, drawn without any state outside the figure."""

from datetime import UTC
from pathlib import Path

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tidecast.evaluation import metrics
from tidecast.evaluation.metrics import BANDS
from tidecast.forecasts import LEVELS, Floats, Forecast
from tidecast.prices import price_text
from tidecast.timeframes import EPOCH

HISTORY_CANDLES = 72
SIZE_INCHES, DOTS_PER_INCH = (10.5, 5.6), 150
INK, MUTED, GRID, REALISED = "#1b2733", "#66727f", "#e4e8ec", "#c8373f"
MEDIAN = "#083d6b"
BAND_COLOURS = {95: "#dfecf7", 90: "#c2dcf0", 80: "#98c3e4", 50: "#63a3d3"}
EDGE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
LABEL_GAP = 0.045
"""Labels at the right edge keep this share of the axis between them."""
USUAL_LABEL, CHARACTER_WIDTH = 7, 0.0072
"""Characters of a price for which there is room, and the share of the width of one more."""

TRUTH = (
    "The centre line stays close to the last price because that is what the data support: "
    "the band is the product. Not financial advice."
)


def fan_png(
    forecast: Forecast,
    history: pd.DataFrame,
    path: Path,
    title: str,
    realised: pd.DataFrame | None = None,
) -> None:
    """Draw the fan of one forecast: central bands, median, recent closes and the cutoff.

    Args:
        forecast: what to draw.
        history: candle frame; its newest 72 closes up to the cutoff are drawn.
        path: PNG file to write.
        title: headline; say there when the candles are replayed.
        realised: candle frame of what happened after the cutoff, None when it is not known yet.
    """
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, facecolor="white")
    extra = _extra_margin(forecast)
    axes = figure.add_axes((0.085 + extra, 0.145, 0.775 - 2 * extra, 0.665))
    _draw_bands(axes, forecast)
    _draw_closes(axes, forecast, history, realised)
    _draw_cutoff(axes, forecast)
    _label_edges(axes, forecast)
    _dress(axes, forecast, title)
    figure.savefig(path, format="png")


def _extra_margin(forecast: Forecast) -> float:
    """Share of the width that labels need at either side when prices have many digits."""
    last = forecast.quantiles[-1]
    label = price_text(forecast.close, float(last[-1] - last[0]))
    return CHARACTER_WIDTH * max(0, len(label) - USUAL_LABEL)


def _days(moments: "pd.Index[pd.Timestamp]") -> Floats:
    """Matplotlib's own unit: days since 1970, UTC."""
    since = pd.DatetimeIndex(moments) - pd.Timestamp(EPOCH)
    return np.asarray(since / pd.Timedelta(days=1), np.float64)


def _times(forecast: Forecast) -> Floats:
    """The cutoff and every target time, in days."""
    return _days(pd.DatetimeIndex([forecast.cutoff, *forecast.target_times]))


def _from_cutoff(forecast: Forecast, prices: Floats) -> Floats:
    return np.concatenate([[forecast.close], prices])


def _draw_bands(axes: Axes, forecast: Forecast) -> None:
    times = _times(forecast)
    for percent in sorted(BANDS, reverse=True):
        low, high = metrics.band(forecast.quantiles, LEVELS, percent)
        axes.fill_between(
            times,
            _from_cutoff(forecast, low),
            _from_cutoff(forecast, high),
            color=BAND_COLOURS[percent],
            linewidth=0,
            label=f"{percent} % band",
        )
    median = forecast.quantiles[:, LEVELS.index(0.5)]
    axes.plot(
        times, _from_cutoff(forecast, median), color=MEDIAN, linewidth=1.6, ls="--", label="median"
    )


def _draw_closes(
    axes: Axes, forecast: Forecast, history: pd.DataFrame, realised: pd.DataFrame | None
) -> None:
    cutoff, last = pd.Timestamp(forecast.cutoff), pd.Timestamp(forecast.target_times[-1])
    past = _closes_at_end(history, forecast)
    past = past[past.index <= cutoff].iloc[-HISTORY_CANDLES:]
    axes.plot(_days(past.index), past.to_numpy(), color=INK, linewidth=1.5, label="close")
    if realised is None:
        return
    later = _closes_at_end(realised, forecast)
    later = later[(later.index > cutoff) & (later.index <= last)]
    axes.plot(
        np.concatenate([[_times(forecast)[0]], _days(later.index)]),
        _from_cutoff(forecast, later.to_numpy(np.float64)),
        color=REALISED,
        linewidth=1.4,
        marker="o",
        markersize=2.8,
        markevery=slice(1, None),
        label="what happened",
    )


def _closes_at_end(candles: pd.DataFrame, forecast: Forecast) -> pd.Series:
    """Closes by the instant at which they became known."""
    return candles["close"].set_axis(pd.DatetimeIndex(candles.index) + forecast.market.length)


def _draw_cutoff(axes: Axes, forecast: Forecast) -> None:
    times = _times(forecast)
    axes.axvline(times[0], color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    axes.plot(times[0], forecast.close, "o", color=INK, markersize=5, zorder=5)
    axes.annotate(
        "cutoff",
        (times[0], 1),
        xycoords=("data", "axes fraction"),
        xytext=(-5, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color=MUTED,
        fontsize=9,
    )


def _label_edges(axes: Axes, forecast: Forecast) -> None:
    """Prices at the right edge: the ends of the 90 % and 50 % bands, and the median."""
    axes.autoscale(enable=True, axis="y")
    lowest, highest = axes.get_ylim()
    labels = ("90 % band", "50 % band", "median", "50 % band", "90 % band")
    prices = [float(forecast.quantiles[-1, LEVELS.index(level)]) for level in EDGE_LEVELS]
    heights = spread_labels([(price - lowest) / (highest - lowest) for price in prices])
    for label, price, height in zip(labels, prices, heights, strict=True):
        axes.text(
            1.012,
            height,
            f"{price_text(price, prices[-1] - prices[0])}  {label}",
            transform=axes.transAxes,
            va="center",
            fontsize=9,
            color=MEDIAN if label == "median" else MUTED,
            fontweight="bold" if label == "median" else "normal",
        )
    axes.set_ylim(lowest, highest)


def spread_labels(heights: list[float]) -> list[float]:
    """Push rising heights apart from the middle one until none overlap."""
    spread, middle = list(heights), len(heights) // 2
    for i in range(middle + 1, len(spread)):
        spread[i] = max(spread[i], spread[i - 1] + LABEL_GAP)
    for i in range(middle - 1, -1, -1):
        spread[i] = min(spread[i], spread[i + 1] - LABEL_GAP)
    return spread


def _dress(axes: Axes, forecast: Forecast, title: str) -> None:
    base, _, quote = forecast.market.symbol.partition("-")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.set_ylabel(f"price of one {base}, {quote}", color=MUTED, fontsize=9.5)
    axes.set_xlabel("UTC", color=MUTED, fontsize=9.5)
    axes.yaxis.set_major_locator(MaxNLocator(7))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda price, _: price_text(price, float(np.ptp(axes.get_ylim()))))
    )
    _dress_time_axis(axes)
    axes.margins(x=0)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.005, 1.0), ncols=7, frameon=False, fontsize=9,
        labelcolor=MUTED, handlelength=1.4, columnspacing=1.4, borderaxespad=0.2,
    )  # fmt: skip
    figure = axes.figure
    figure.text(0.026, 0.945, title, fontsize=15, fontweight="bold", color=INK, va="center")
    facts = (
        f"{forecast.market}, {forecast.horizon} steps after {forecast.cutoff:%Y-%m-%d %H:%M} UTC, "
        f"last price {price_text(forecast.close)} {quote}, model version {forecast.model_version}"
    )
    figure.text(0.026, 0.893, facts, fontsize=9.5, color=MUTED, va="center")
    figure.text(0.026, 0.03, TRUTH, fontsize=9, color=MUTED, va="center")


def _dress_time_axis(axes: Axes) -> None:
    locator = mdates.AutoDateLocator(tz=UTC, minticks=5, maxticks=9)  # type: ignore[no-untyped-call]
    formatter = mdates.ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        tz=UTC,
        formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S"],
        zero_formats=["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"],
        show_offset=False,
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
