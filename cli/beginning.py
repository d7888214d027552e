"""The first champion of one market: its history, then a training."""

from cli.console import progress
from cli.lost_history import lost_history
from cli.opening import open_registry, opened_store
from cli.single_training import train_once
from ingestion.rounds import Ingestion
from ingestion.run import IngestionResult
from tidecast.errors import GateRefused, OperatorError, SourceUnavailable
from tidecast.exit_codes import ExitCode
from tidecast.registry import Registry
from tidecast.settings import MarketSettings, Settings
from tidecast.store import Store

REASON = "first champion"


def begin_market(settings: Settings, market: MarketSettings) -> str:
    """Make a champion unless there is one; returns one line for people. Safe to repeat.

    Raises:
        RetryLater: store, registry or every source is away, or another training runs.
        OperatorError: no source will ever answer.
        RejectedError: there are too few candles, or the challenger earned no promotion.
    """
    with opened_store(settings) as store:
        if (champion := store.promotions.newest(market.market)) is not None:
            return f"{market.market}: version {champion.version} is champion"
        registry = open_registry(settings)
        # Before the long steps: a registry that cannot be reached is noticed here.
        in_registry = registry.champion(market.market)
        if lost := lost_history(store, market.market, in_registry):
            progress(lost)
        _fill(store, settings, market)
        return _train(store, registry, settings, market)


def _fill(store: Store, settings: Settings, market: MarketSettings) -> None:
    result = Ingestion(store, settings, settings.clock.build(), progress).run(market)
    progress(f"{market.market}: {result.inserted} new candles from {result.source}")
    if result.source is None and not store.candles.count(market.market):
        raise _no_candles(result)


def _no_candles(result: IngestionResult) -> Exception:
    reasons = "; ".join(f"{one.source}: {one.message}" for one in result.failures)
    message = f"{result.market}: no source gives candles: {reasons}"
    if result.exit_code == ExitCode.UNAVAILABLE:
        return SourceUnavailable(message)
    return OperatorError(message)


def _train(store: Store, registry: Registry, settings: Settings, market: MarketSettings) -> str:
    outcome = train_once(store, registry, settings, market.market, REASON, progress)
    if outcome.error is not None:
        raise outcome.error
    if outcome.status != "promoted":
        raise GateRefused([f"{market.market}: no first champion: {outcome.detail}"])
    return f"{market.market}: version {outcome.version} is champion"
