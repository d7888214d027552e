"""`tidecast rollback`: go back to the champion before."""

from cli.options import JsonOption, MarketArgument


def rollback(market: MarketArgument, json: JsonOption = False) -> None:
    """Make the previous champion of a market the champion again.

    A former champion that cannot forecast any more is passed over for the one before it.

    Example: tidecast rollback BTC-USD:1h
    """
    import getpass

    from cli.console import print_json
    from cli.opening import configured_market, open_registry, opened_store, quiet_logging
    from cli.promote import as_json, show
    from cli.session import command_settings
    from training.promotion import rollback as move

    settings = command_settings()
    quiet_logging(settings)
    chosen = configured_market(settings, market)
    now = settings.clock.build().now()
    with opened_store(settings) as store:
        promotion = move(store, open_registry(settings), chosen, now=now, by=getpass.getuser())
    if json:
        print_json(as_json(promotion))
    else:
        show(promotion)
