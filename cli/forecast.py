"""`tidecast forecast`: a forecast as a table and a fan, of the own store or of a service."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonOption, MarketArgument

if TYPE_CHECKING:
    from cli.forecast_view import View


def forecast(
    market: MarketArgument,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Steps; all of the model's if left out.")
    ] = None,
    levels: Annotated[
        str | None, typer.Option(help="Quantile levels, as 0.05,0.5,0.95; those of the settings.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Ask this service, http://localhost:3000, not the store.")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="TIDECAST_API_KEY", help="Key for the service at --url, if it asks."),
    ] = None,
    cutoff: Annotated[
        str | None,
        typer.Option(
            help="Recompute the forecast published for this cutoff, 2025-01-01T00:00:00Z."
        ),
    ] = None,
    model_version: Annotated[
        str | None,
        typer.Option(help="With --cutoff: of this model version; the last that published."),
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the fan into this PNG file too.")] = None,
    json: JsonOption = False,
) -> None:
    """Show the newest forecast of a market: a table, and a fan chart in the terminal.

    The centre stays near the last price, because that is what the data support. The band is the
    product: it says how far the price may well go.

    With --cutoff it shows a published forecast, computes it again from the candles that were known
    then, and says whether every bit is the same. The exit code is 65 if one differs.

    Example: tidecast forecast BTC-USD --horizon 12 --png fan.png
    """
    from service.parameters import levels as parse_levels
    from tidecast.exit_codes import ExitCode

    asked = parse_levels(levels)
    _check_options(url, cutoff, model_version)
    if cutoff is not None:
        view = _recomputed(market, cutoff, model_version, horizon, asked)
    elif url:
        view = _remote(url, api_key, market, horizon, asked)
    else:
        view = _local(market, horizon, asked)
    if png is not None:
        _draw(view, png)
    if json:
        sys.stdout.write(view.answer_json + "\n")
    else:
        _show(view)
    if view.recomputation is not None and not view.recomputation.same_bits:
        raise typer.Exit(ExitCode.REFUSED)


def _check_options(url: str | None, cutoff: str | None, model_version: str | None) -> None:
    from tidecast.errors import InvalidParameter

    if cutoff is not None and url is not None:
        raise InvalidParameter(
            "--cutoff recomputes from the own store, --url asks a service",
            field="cutoff",
            allowed="one of the two",
        )
    if model_version is not None and cutoff is None:
        raise InvalidParameter(
            "--model-version without --cutoff", field="model-version", allowed="with --cutoff"
        )


def _local(market: str, horizon: int | None, levels: list[float] | None) -> "View":
    from cli.forecast_local import newest_view
    from cli.opening import configured_market, open_registry, opened_store, quiet_logging
    from cli.session import command_settings

    settings = command_settings()
    quiet_logging(settings)
    chosen = configured_market(settings, market)
    with opened_store(settings) as store:
        return newest_view(store, open_registry(settings), settings, chosen, horizon, levels)


def _recomputed(
    market: str,
    cutoff: str,
    version: str | None,
    horizon: int | None,
    levels: list[float] | None,
) -> "View":
    from cli.forecast_recomputed import parse_cutoff, recomputed_view
    from cli.opening import configured_market, open_registry, opened_store, quiet_logging
    from cli.session import command_settings

    at = parse_cutoff(cutoff)
    settings = command_settings()
    quiet_logging(settings)
    chosen = configured_market(settings, market)
    registry = open_registry(settings)
    with opened_store(settings) as store:
        return recomputed_view(store, registry, settings, chosen, at, version, horizon, levels)


def _remote(
    url: str, api_key: str | None, market: str, horizon: int | None, levels: list[float] | None
) -> "View":
    from cli.forecast_remote import remote_view
    from tidecast.timeframes import Market

    chosen = Market.parse(market if ":" in market else f"{market}:1h")
    return remote_view(url, chosen, horizon, levels, api_key)


def _draw(view: "View", png: Path) -> None:
    from cli.console import err
    from tidecast.evaluation.plots import fan_png

    fan_png(view.forecast, view.history, png, view.title)
    err.print(f"wrote {png}")


def _show(view: "View") -> None:
    from cli.console import out, table
    from cli.fan_chart import fan_chart
    from tidecast.prices import price_text

    answer = view.answer
    out.print(f"[bold]{view.title}[/bold]")
    names = list(answer["steps"][0]["quantiles"])
    levels = (f">{100 * float(name):g} %" for name in names)
    made = table(None, ">step", "time (UTC)", ">mean", *levels)
    nearest = answer["steps"][0]["quantiles"].values()
    span = max(nearest) - min(nearest)
    for step in answer["steps"]:
        prices = [step["mean"], *(step["quantiles"][name] for name in names)]
        time = f"{datetime.fromisoformat(step['target_time']):%d %b %H:%M}"
        made.add_row(str(step["step"]), time, *(price_text(price, span) for price in prices))
    out.print(made)
    out.print(fan_chart(view.forecast, view.history["close"], out.width))
    out.print(_footer(answer))
    if view.recomputation is not None:
        from cli.forecast_recomputed import result_text

        out.print(result_text(view.recomputation))


def _footer(answer: dict[str, Any]) -> str:
    degraded = "; ".join(answer["degraded"]) or "nothing"
    return (
        f"cutoff {answer['cutoff']}, {answer['data_age_seconds'] / 60:.0f} minutes old, "
        f"from {answer['source']}; model version {answer['model_version']}, "
        f"trained {answer['trained_at']}, promoted {answer['promoted_at']}; "
        f"degraded: {degraded}"
    )
