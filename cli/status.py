"""`tidecast status`: how each market is doing."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonOption

if TYPE_CHECKING:
    from cli.market_status import MarketStatus


def status(
    markets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MARKET]...", help="SYMBOL:INTERVAL; all configured if none."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show candles, champion, live score, retrainings and events of each market.

    The score of the random walk on the same hours stands beside ours. Example: tidecast status
    """
    from rich.markup import escape

    from cli.console import out, print_json
    from cli.market_status import read_status
    from cli.opening import configured_market, open_registry, opened_store, quiet_logging
    from cli.session import command_settings

    settings = command_settings()
    quiet_logging(settings)
    names = [configured_market(settings, text) for text in markets or []]
    chosen = names or [one.market for one in settings.markets]
    clock = settings.clock.build()
    with opened_store(settings) as store:
        registry = open_registry(settings)
        found = [read_status(store, registry, market, clock.now()) for market in chosen]
    if json:
        print_json(
            {
                "now": clock.now(),
                "simulated": clock.simulated,
                "home_dir": settings.home_dir,
                "markets": [one.as_json() for one in found],
            }
        )
        return
    replayed = " (replayed data, simulated clock)" if clock.simulated else ""
    state = escape(str(settings.home_dir))
    out.print(f"{clock.now():%Y-%m-%d %H:%M} UTC{replayed}, state in {state}")
    for one in found:
        _show(one)


def _show(one: "MarketStatus") -> None:
    from cli.console import out

    out.print(f"\n[bold]{one.market}[/bold]")
    for name, text in _lines(one):
        out.print(f"  {name:<13}{text}", markup=False)
    if one.scores:
        out.print(_score_table(one))


def _lines(one: "MarketStatus") -> list[tuple[str, str]]:
    return [
        ("candles", _candles(one)),
        ("champion", _champion(one)),
        *([("history", one.short_history)] if one.short_history else ()),
        *(("registry", problem) for problem in one.registry),
        ("retraining", _retraining(one)),
        *(("event", _event(event)) for event in one.events),
    ]


def _candles(one: "MarketStatus") -> str:
    held_back = f", {one.held_back} held back: unconfirmed jump" if one.held_back else ""
    if one.newest is None:
        return f"none yet{held_back}: tidecast ingest"
    gaps = f"{one.gaps} gaps ({one.missing} candles)" if one.gaps else "no gap"
    return (
        f"{one.candles:,}, newest {one.newest:%Y-%m-%d %H:%M} from {one.source}, "
        f"ended {_age(one.data_age)} ago, {gaps}{held_back}"
    )


def _champion(one: "MarketStatus") -> str:
    if one.champion is None:
        return "none yet: tidecast train"
    forced = ", forced" if one.forced else ""
    trained = f", trained {_age(one.model_age)} ago" if one.model_age is not None else ""
    model = f" ({one.model})" if one.model is not None else ""
    return f"version {one.champion}{model}, promoted {_age(one.champion_age)} ago{forced}{trained}"


def _retraining(one: "MarketStatus") -> str:
    last = one.last_retraining
    return f"{last['status']} {last['requested_at']}: {last['reason']}" if last else "none yet"


def _event(event: dict[str, Any]) -> str:
    what = ", ".join(f"{name} {value}" for name, value in event["detail"].items())
    return f"{event['at']}  {event['kind']}: {' '.join(what.split()):.140}"


def _score_table(one: "MarketStatus") -> Any:
    from cli.console import table

    made = table(
        None, "  ", ">step", ">scored", ">MASE", ">CRPS bp", ">random walk", ">ratio", ">in 90 %"
    )
    for row in one.scores:
        made.add_row(
            "",
            str(row["step"]),
            str(row["scored"]),
            _number(row["mase"], 3),
            _number(row["crps_bps"], 1),
            _number(row["random_walk_crps_bps"], 1),
            _number(row["crps_ratio"], 3),
            f"{row['covered_90']:.0%}",
        )
    return made


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _age(age: timedelta | None) -> str:
    if age is None:
        return "an unknown time"
    minutes = age.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} minutes"
    return f"{minutes / 60:.0f} hours" if minutes < 72 * 60 else f"{minutes / 1440:.0f} days"
