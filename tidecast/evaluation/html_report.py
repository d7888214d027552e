"""One HTML page about a backtest that needs no network: plotly.js is inside it."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from tidecast.evaluation import report_figures as figures
from tidecast.evaluation.report import BacktestResult

SETTINGS = {"displayModeBar": False, "responsive": True}

TRUTH = """
<p><b>What cannot be forecast:</b> where the price will be. At these horizons the last price is
about as good a guess as any, so the centre of every forecast stays close to it, and a MASE near one
is what an honest model shows.</p>
<p><b>What can be forecast:</b> how far the price may move. Calm and wild hours come in clusters, so
the width of the band is worth something: the band is the product. It is good when it is as narrow
as its promise allows and still holds that promise, which CRPS and coverage measure below.</p>
<p>Not financial advice.</p>
"""

STYLE = """
body{font-family:system-ui,sans-serif;color:#1b2733;max-width:1180px;
margin:2rem auto;padding:0 1rem;line-height:1.5}
h1{margin-bottom:.2rem}h2{margin:2.4rem 0 .2rem}
.facts,.note{color:#66727f}.note{margin:.2rem 0 .6rem}
.truth{background:#f2f7fb;border-left:4px solid #083d6b;padding:.4rem 1rem;margin:1.2rem 0}
.alarm{background:#fdf0f0;border-left:4px solid #c8373f;padding:.4rem 1rem;margin:1.2rem 0}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .45rem;text-align:right;border-bottom:1px solid #e4e8ec}
th:first-child,td:first-child{text-align:left}th{color:#66727f;font-weight:600}
tr.main td{font-weight:600;color:#083d6b}.scroll{overflow-x:auto}
"""


def html_report(result: BacktestResult, contents: dict[str, Any]) -> str:
    """The whole page.

    Args:
        result: the backtest; its main model must have quantiles.
        contents: its ``report``.
    """
    title = f"{escape(result.market)}: backtest"
    facts = (
        f"{contents['cutoffs']:,} cutoffs from {contents['start']} to {contents['end']}, "
        f"{contents['horizon']} steps each, fits: {len(result.refits)}; "
        f"this page is about the model “{escape(result.main_model)}”"
    )
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body>",
            f'<h1>{title}</h1><p class="facts">{facts}</p>',
            f'<div class="truth">{TRUTH}</div>',
            _alarms(contents["alarms"]),
            _refused_rows(contents["refused_rows"]),
            *_tables(result, contents),
            *_plots(result, contents),
            *_regimes(result, contents),
            "</body></html>\n",
        ]
    )


def _alarms(alarms: Sequence[str]) -> str:
    if not alarms:
        return ""
    items = "".join(f"<li>{escape(alarm)}</li>" for alarm in alarms)
    return f'<div class="alarm"><b>Too good to be true:</b><ul>{items}</ul></div>'


def _refused_rows(refused: dict[str, Any]) -> str:
    if not refused["rows"]:
        return ""
    items = "".join(
        f"<li>{reason['rows']:,}: {escape(reason['reason'])}, "
        f"for example <code>{escape(reason['example'])}</code></li>"
        for reason in refused["reasons"]
    )
    return (
        f'<div class="alarm"><b>{refused["rows"]:,} rows of the input were refused '
        f"and left out:</b><ul>{items}</ul></div>"
    )


def _tables(result: BacktestResult, contents: dict[str, Any]) -> list[str]:
    steps = figures.shown_steps(result.horizon)
    return [
        _section("CRPS", "Basis points of log return, smaller is better."),
        _table(
            ["model", *(f"step {step}" for step in steps)],
            [[name, *_cells(rows, steps)] for name, rows in _rows(contents).items()],
            main=result.main_model,
        ),
        _section(
            f"The model “{escape(result.main_model)}” by step",
            "t: Diebold-Mariano, HAC; above 2 the model is better than the reference beyond noise. "
            "Direction with its 95 % interval, overlap of windows taken into account.",
        ),
        _table(*_step_table(_rows(contents)[result.main_model], steps)),
    ]


def _rows(contents: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {name: model["steps"] for name, model in contents["models"].items()}


def _cells(rows: list[dict[str, Any]], steps: Iterable[int]) -> list[str]:
    return [_number(rows[step - 1].get("crps_bps"), ".3f") for step in steps]


def _step_table(
    rows: list[dict[str, Any]], steps: Iterable[int]
) -> tuple[list[str], list[list[str]]]:
    references = list(rows[0]["skill"])
    heads = ["step", "MASE", "direction", "interval", "cov. 50", "cov. 80", "cov. 90", "cov. 95"]
    heads += ["worst week 90", "width 90, bps"]
    heads += [f"{what} {name}" for name in references for what in ("skill over", "t against")]
    return heads, [_step_cells(rows[step - 1], references) for step in steps]


def _step_cells(row: dict[str, Any], references: Sequence[str]) -> list[str]:
    direction = row["directional_accuracy"]
    low, high = (_number(direction[end], ".1%") for end in ("low", "high"))
    return [
        str(row["step"]),
        _number(row["mase"], ".4f"),
        _number(direction["share"], ".1%"),
        f"{low}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{high}",
        *(_number(row["coverage"][band], ".1%") for band in ("50", "80", "90", "95")),
        _number(row["worst_week_90"], ".1%"),
        _number(row["width_bps"]["90"], ".0f"),
        *(
            cell
            for name in references
            for cell in (
                _number(row["skill"][name], "+.2%"),
                _number(row["diebold_mariano"][name]["t"], "+.1f"),
            )
        ),
    ]


def _plots(result: BacktestResult, contents: dict[str, Any]) -> list[str]:
    references = contents["models"][result.main_model]["steps"][0]["skill"]
    parts = [
        _section("A usual week", "One fan after the other; the line is the price."),
        _plot(figures.week_of_fans(result, 0.5)),
        _section("The wildest week", "The same where the price moved most."),
        _plot(figures.week_of_fans(result, 1.0)),
        _section(
            "Calibration",
            "Where in the forecast distribution outcomes fell. Flat is right; a hump means bands "
            "too wide, a bowl too narrow.",
        ),
        _plot(figures.pit_histograms(result, contents)),
        _section("Coverage by step", "Dotted: what each band promises."),
        _plot(figures.coverage_by_step(result, contents)),
        _section(
            "Coverage over time",
            f"90 % band, over the {figures.ROLLING_DAYS} days before. Dotted: two standard errors "
            "of independent windows; long steps overlap, so they swing more.",
        ),
        _plot(figures.coverage_over_time(result)),
    ]
    for reference in references:
        parts += [
            _section(
                f"Skill over {escape(reference)}",
                "Share of its CRPS saved; below zero is worse. Grey names are far off: click.",
            ),
            _plot(figures.skill_by_step(result, contents, reference)),
        ]
    return [
        *parts,
        _section(
            "The centre",
            "Its mean absolute error over the random walk's. Grey names are far off: click.",
        ),
        _plot(figures.mase_by_step(result, contents)),
    ]


def _regimes(result: BacktestResult, contents: dict[str, Any]) -> list[str]:
    rows = _rows(contents)[result.main_model]
    steps = figures.shown_steps(result.horizon)
    references = list(rows[0]["skill"])
    heads = ["volatility", "step", "cutoffs", "CRPS, bps", *(f"skill over {n}" for n in references)]
    heads += ["cov. 50", "cov. 90", "cov. 95", "width 90, bps"]
    terciles = [
        [
            table["regime"],
            str(step),
            f"{table['n']:,}",
            _number(table["crps_bps"], ".2f"),
            *(_number(table["skill"][name], "+.2%") for name in references),
            *(_number(table["coverage"][band], ".1%") for band in ("50", "90", "95")),
            _number(table["width_bps"]["90"], ".0f"),
        ]
        for position in range(3)
        for step in steps
        for table in [rows[step - 1]["terciles"][position]]
    ]
    return [
        _section("By volatility", "Terciles of the volatility known at the cutoff."),
        _table(heads, terciles),
        _section("By quarter", "Of the cutoff; the same figures."),
        _table(*_quarter_table(result, contents, references, steps)),
    ]


def _quarter_table(
    result: BacktestResult,
    contents: dict[str, Any],
    references: Sequence[str],
    steps: Sequence[int],
) -> tuple[list[str], list[list[str]]]:
    heads = ["quarter", "step", "CRPS, bps", *(f"skill over {n}" for n in references), "cov. 90"]
    rows = []
    for quarter, models in contents["quarters"].items():
        main = models[result.main_model]
        for step in steps:
            crps = main["crps_bps"][step - 1]
            others = [models[name]["crps_bps"][step - 1] for name in references]
            rows.append(
                [
                    quarter,
                    str(step),
                    _number(crps, ".2f"),
                    *(
                        _number(1 - crps / other if crps and other else None, "+.2%")
                        for other in others
                    ),
                    _number(main["coverage_90"][step - 1], ".1%"),
                ]
            )
    return heads, rows


def _section(heading: str, note: str) -> str:
    return f'<h2>{heading}</h2><p class="note">{note}</p>'


def _plot(figure: go.Figure) -> str:
    text: str = figure.to_html(full_html=False, include_plotlyjs=False, config=SETTINGS)
    return text


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], main: str | None = None) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr{' class=main' if row[0] == main else ''}>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
