"""An ingestion as a process: options, signals, logs, exit code."""

import argparse
import signal
from types import FrameType

from ingestion.rounds import Ingestion
from tidecast.errors import TidecastError
from tidecast.exit_codes import ExitCode, exit_code
from tidecast.settings import MarketSettings, Settings, load_settings
from tidecast.store import Store
from tidecast.telemetry import configure_logging, get_logger
from tidecast.timeframes import Market

_log = get_logger(__name__)


def run_process(arguments: list[str] | None = None) -> int:
    """Run once; returns the exit code."""
    parser = argparse.ArgumentParser("python -m ingestion", description=__doc__)
    parser.add_argument("--market", action="append", default=[], help="BTC-USD:1h; repeatable")
    names = parser.parse_args(arguments).market
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return run(load_settings(), names)
    except KeyboardInterrupt as e:
        return exit_code(e)
    except TidecastError as e:
        configure_logging("info", "json", "ingestion")
        _log.error("ingestion_ended", error=str(e))
        return exit_code(e)
    except Exception as e:
        _log.exception("ingestion_ended")
        return exit_code(e)


def run(settings: Settings, names: list[str]) -> ExitCode:
    """Ingest the named markets, all when none is named.

    Raises:
        TidecastError: nothing could be begun.
    """
    configure_logging(settings.log_level, settings.log_format, "ingestion")
    markets = chosen_markets(settings, names)
    with Store(settings.store_url) as store:
        store.migrate()
        ingestion = Ingestion(
            store,
            settings,
            settings.clock.build(),
            lambda message: _log.info("progress", step=message),
        )
        return ingestion.run_all(markets)


def chosen_markets(settings: Settings, names: list[str]) -> list[MarketSettings]:
    """Settings of the named markets, all when none is named.

    Raises:
        CallerError: a name is malformed or not configured.
    """
    chosen = [Market.parse(name) for name in names] or [one.market for one in settings.markets]
    return [settings.market(one.symbol, one.interval) for one in chosen]


def _terminate(number: int, frame: FrameType | None) -> None:
    """End between two statements; what was being written is rolled back."""
    raise KeyboardInterrupt
