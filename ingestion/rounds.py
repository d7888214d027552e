"""One run over all markets, as the container and the command do it."""

from collections.abc import Callable, Iterable

from ingestion.run import IngestionResult, ingest_market
from ingestion.sentiment import build_fetch, ingest_fear_greed
from ingestion.sources import build_sources
from tidecast.clock import Clock
from tidecast.errors import StoreUnavailable, TidecastError
from tidecast.exit_codes import ExitCode, exit_code, worst
from tidecast.settings import MarketSettings, Settings
from tidecast.store import Store
from tidecast.telemetry import LOOP_FAILURES, get_logger

_log = get_logger(__name__)


class Ingestion:
    """Ingests with sources that are built once: they keep their rate limit and connection.

    Args:
        store: where everything goes; migrated.
        settings: markets, sources and limits.
        clock: our time.
        progress: is told about long steps.

    Raises:
        ConfigurationError: a market names a source that does not exist.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        progress: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._store = store
        self._settings = settings.ingestion
        self._clock = clock
        self._sources = build_sources(settings, progress)
        self._fetch_fear_greed = build_fetch(settings.ingestion)
        self._progress = progress

    def run(self, market: MarketSettings) -> IngestionResult:
        """Ingest one market.

        Raises:
            StoreUnavailable: nothing is half-written.
        """
        result = ingest_market(
            self._store, self._sources, market, self._settings, self._clock, self._progress
        )
        log_result(result)
        return result

    def run_all(
        self,
        markets: Iterable[MarketSettings],
        report: Callable[[IngestionResult], None] = lambda result: None,
    ) -> ExitCode:
        """Ingest markets one after the other; one that fails does not stop the others.

        Returns:
            The exit code of a process that did this.
        """
        codes = []
        for market in markets:
            try:
                result = self.run(market)
            except Exception as e:
                codes.append(_failed(market, e))
            else:
                codes.append(result.exit_code)
                report(result)
        self.run_sentiment()
        return worst(codes)

    def run_sentiment(self) -> None:
        """Ingest the Fear & Greed index where it is wanted; a failure is only logged."""
        if not self._settings.fear_greed:
            return
        try:
            ingest_fear_greed(self._store, self._fetch_fear_greed, self._clock.now())
        except StoreUnavailable as e:
            _log.error("fear_greed_failed", error=str(e))


def log_result(result: IngestionResult) -> None:
    """One line a run; a warning when no source answered or candles are held back."""
    log = _log.info if result.source and not result.held_back else _log.warning
    log(
        "market_ingested",
        market=str(result.market),
        source=result.source,
        inserted=result.inserted,
        revised=result.revised,
        quarantined=result.quarantined,
        confirmed=result.confirmed,
        held_back=result.held_back,
        clamped=result.clamped,
        newest=result.newest.isoformat() if result.newest else None,
        lag_candles=result.lag_candles,
        gaps=len(result.gaps),
        missing_candles=result.missing,
        disagreements=len(result.disagreements),
        failures={one.source: one.message for one in result.failures},
    )


def _failed(market: MarketSettings, error: Exception) -> ExitCode:
    LOOP_FAILURES.labels("ingestion").inc()
    if isinstance(error, TidecastError):
        _log.error("ingestion_failed", market=str(market.market), error=str(error))
    else:
        _log.exception("ingestion_failed", market=str(market.market))
    return exit_code(error)
