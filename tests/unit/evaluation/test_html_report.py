import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from tidecast.candles import Quarantined
from tidecast.evaluation.html_report import html_report
from tidecast.evaluation.report import BacktestResult, report
from tidecast.evaluation.report_figures import (
    coverage_over_time,
    mase_by_step,
    pit_histograms,
    shown_steps,
    skill_by_step,
    week_of_fans,
)
from tidecast.models.model import ReturnForecasts

VOID = {"meta"}


class Outline(HTMLParser):
    """Headings, addresses that would be loaded, and whether tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(text)


@pytest.fixture(scope="module")
def contents(backtest_result: BacktestResult) -> dict[str, Any]:
    return report(backtest_result)


@pytest.fixture(scope="module")
def page(backtest_result: BacktestResult, contents: dict[str, Any]) -> str:
    return html_report(backtest_result, contents)


def text_of(page: str) -> str:
    without_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", without_scripts).split())


def test_html_report_is_one_page_that_loads_nothing(page: str) -> None:
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert outline.loaded == []
    assert page.count("Plotly.newPlot(") >= 8
    assert {"Calibration", "Coverage over time", "Skill over garch", "By volatility"} <= set(
        outline.headings
    )


def test_html_report_says_what_cannot_be_forecast(page: str) -> None:
    text = text_of(page)
    assert "What cannot be forecast: where the price will be" in text
    assert "the band is the product" in text
    assert "Not financial advice" in text
    assert "Too good to be true" not in text


def test_html_report_shows_the_figures_of_the_report(page: str, contents: dict[str, Any]) -> None:
    text = text_of(page)
    first = contents["models"]["ensemble"]["steps"][0]
    assert f"{first['crps_bps']:.3f}" in text
    assert f"{first['coverage']['90']:.1%}" in text
    assert f"{first['skill']['random_walk']:+.2%}" in text


def test_html_report_escapes_names_and_shows_alarms(
    backtest_result: BacktestResult, contents: dict[str, Any]
) -> None:
    alarming = {**contents, "alarms": ["<b>leak</b>"]}
    page = html_report(replace(backtest_result, market="<i>X</i>"), alarming)
    assert "&lt;i&gt;X&lt;/i&gt;: backtest" in page
    assert "&lt;b&gt;leak&lt;/b&gt;" in page
    assert "Too good to be true" in page


def test_html_report_counts_the_rows_of_the_input_that_were_refused(
    backtest_result: BacktestResult, page: str
) -> None:
    row = Quarantined(None, '{"close": "<1>"}', "close is not a number")
    text = html_report(backtest_result, report(backtest_result, [row, row]))
    assert "2 rows of the input were refused" in text
    assert "2: close is not a number" in text
    assert "&lt;1&gt;" in text
    assert "were refused" not in page


def test_html_report_stands_a_backtest_without_known_outcomes(
    backtest_result: BacktestResult,
) -> None:
    unknown = replace(
        backtest_result, actual_returns=np.full_like(backtest_result.actual_returns, np.nan)
    )
    assert "ensemble" in text_of(html_report(unknown, report(unknown)))


@pytest.mark.parametrize(("horizon", "steps"), [(24, [1, 6, 12, 24]), (3, [1, 3]), (1, [1])])
def test_shown_steps_run_from_the_first_to_the_last(horizon: int, steps: list[int]) -> None:
    assert shown_steps(horizon) == steps


def test_week_of_fans_begins_each_fan_at_the_price(backtest_result: BacktestResult) -> None:
    figure = week_of_fans(backtest_result, 1.0)
    price = figure.data[-1]
    known = dict(zip(price.x, price.y, strict=True))
    medians = [trace for trace in figure.data if trace.name == "median"]
    assert len(medians) == 168 / backtest_result.horizon
    assert all(trace.y[0] == pytest.approx(known[trace.x[0]]) for trace in medians)


def test_wildest_week_moves_more_than_the_usual_one(backtest_result: BacktestResult) -> None:
    moves = [
        np.abs(np.diff(np.log(np.array(week_of_fans(backtest_result, rank).data[-1].y)))).mean()
        for rank in (0.0, 1.0)
    ]
    assert moves[0] < moves[1]


def test_pit_histogram_is_around_one(
    backtest_result: BacktestResult, contents: dict[str, Any]
) -> None:
    bars = pit_histograms(backtest_result, contents).data
    assert all(np.mean(bar.y) == pytest.approx(1.0) for bar in bars)


def test_coverage_over_time_needs_a_whole_window(backtest_result: BacktestResult) -> None:
    assert [trace.name for trace in coverage_over_time(backtest_result).data] == ["step 1"]


def test_models_far_off_start_hidden(
    backtest_result: BacktestResult, make_returns: Callable[..., ReturnForecasts]
) -> None:
    bad = replace(backtest_result.forecasts["garch"], center=np.full((600, 3), 0.05))
    bad = replace(bad, quantiles=make_returns(600, deviation=0.1).quantiles)
    result = replace(backtest_result, forecasts={**backtest_result.forecasts, "naive": bad})
    found = report(result)
    for figure in (skill_by_step(result, found, "random_walk"), mase_by_step(result, found)):
        hidden = [trace.name for trace in figure.data if trace.visible == "legendonly"]
        assert hidden == ["naive"]
        assert figure.data[-1].name == "ensemble"
