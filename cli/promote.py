"""`tidecast promote`: make a model version the champion."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import JsonOption, MarketArgument

if TYPE_CHECKING:
    from tidecast.store import Promotion


def promote(
    market: MarketArgument,
    version: Annotated[
        str | None, typer.Argument(help="Version in the registry; none with --broken.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overrule the gate; a dead model is refused even so.")
    ] = False,
    broken: Annotated[
        bool,
        typer.Option(
            "--broken",
            help="For a demonstration: register a copy of the champion that is damaged on purpose "
            "and promote that; needs --force.",
        ),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "asked by a person",
    json: JsonOption = False,
) -> None:
    """Make a version the champion of a market; a running service swaps it in by itself.

    Only a version that passed the gate is promoted, unless forced.

    Examples: tidecast promote BTC-USD:1h 3  |  tidecast promote BTC-USD:1h --force --broken
    """
    import getpass

    from cli.broken_copy import register_broken_copy
    from cli.console import print_json, progress
    from cli.opening import configured_market, open_registry, opened_store, quiet_logging
    from cli.session import command_settings
    from tidecast.errors import InvalidParameter
    from training.promotion import promote as move

    if broken and not force:
        raise InvalidParameter(
            "--broken makes a bad champion on purpose", field="broken", allowed="with --force only"
        )
    if broken == (version is not None):
        raise InvalidParameter(
            "which version?", field="version", allowed="a VERSION, or --force --broken"
        )
    settings = command_settings()
    quiet_logging(settings)
    chosen = configured_market(settings, market)
    now = settings.clock.build().now()
    with opened_store(settings) as store:
        registry = open_registry(settings)
        if broken:
            progress("registering a copy of the champion that is damaged on purpose")
            version, reason = register_broken_copy(registry, chosen)
        assert version is not None
        promotion = move(
            store,
            registry,
            chosen,
            version,
            now=now,
            by=getpass.getuser(),
            reason=reason,
            forced=force,
        )
    if json:
        print_json(as_json(promotion))
    else:
        show(promotion)


def as_json(promotion: "Promotion") -> dict[str, object]:
    """What a program may want to know of a promotion."""
    from tidecast.timeframes import format_rfc3339

    return {
        "market": str(promotion.market),
        "version": promotion.version,
        "previous": promotion.previous,
        "at": format_rfc3339(promotion.at),
        "by": promotion.by,
        "reason": promotion.reason,
        "forced": promotion.forced,
    }


def show(promotion: "Promotion") -> None:
    """The same for a person."""
    from cli.console import out

    before = f", was {promotion.previous}" if promotion.previous else ""
    forced = " (forced)" if promotion.forced else ""
    out.print(f"{promotion.market}: champion is version {promotion.version}{before}{forced}")
