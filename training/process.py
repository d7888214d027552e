"""A training as a process: options, signals, logs, exit code."""

import argparse
import contextlib
import os
import signal
from pathlib import Path
from types import FrameType

from tidecast.clock import Clock
from tidecast.errors import CallerError, ConfigurationError, TidecastError
from tidecast.exit_codes import ExitCode, exit_code
from tidecast.settings import Settings, load_settings
from tidecast.telemetry import LOOP_FAILURES, configure_logging, get_logger
from tidecast.timeframes import Market
from training.process_lock import TrainingLocks
from training.progress import announced

PROCESS = "training"
INDEX = "JOB_COMPLETION_INDEX"
"""What an Indexed Job of Kubernetes calls the number of a pod, from 0 on."""

_log = get_logger(__name__)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: somebody wants this training to end."""


def run_process(arguments: list[str] | None = None) -> int:
    """Train once; returns the exit code."""
    parser = argparse.ArgumentParser("python -m training", description=__doc__)
    parser.add_argument("--market", help=f"BTC-USD:1h; without it {INDEX} counts the markets")
    parser.add_argument("--reason", default="asked for on the command line", help="for the record")
    parser.add_argument("--window", help="window that the caller claimed; its end is written down")
    parser.add_argument(
        "--model", help="name in the catalogue; without it, the best one that the history supports"
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    configure_logging("info", "json", PROCESS)
    try:
        return _train(load_settings(), options)
    except KeyboardInterrupt as e:
        _log.warning("training_ended", error=str(e) or "interrupted")
        return exit_code(e)
    except TidecastError as e:
        _log.error("training_ended", error=str(e))
        return exit_code(e)
    except Exception as e:
        LOOP_FAILURES.labels(PROCESS).inc()
        _log.exception("training_ended")
        return exit_code(e)


def _train(settings: Settings, options: argparse.Namespace) -> ExitCode:
    configure_logging(settings.log_level, settings.log_format, PROCESS)
    market = _market(settings, options.market, os.environ.get(INDEX))
    clock = settings.clock.build()
    _log.info("training_begins", market=str(market), reason=options.reason)
    if options.window is None:
        return _run(settings, options, market, clock)
    with TrainingLocks.of(settings).held(market, options.window):
        return _run(settings, options, market, clock)


def _run(settings: Settings, options: argparse.Namespace, market: Market, clock: Clock) -> ExitCode:
    # Read when OpenMP is loaded. Threads that spin while they wait made a fit three times as long
    # on a machine whose cores are busy with the service.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with announced(_tell, "loading the libraries"):
        from threadpoolctl import threadpool_limits

        from tidecast.registry import Registry
        from tidecast.store import Store
        from training.claimed import train_claimed
        from training.run import TrainingOutcome, train_market

    with threadpool_limits(settings.training.threads), Store(settings.store_url) as store:
        store.migrate()
        registry = Registry(settings.tracking_uri, settings.home_dir.absolute() / "models")

        def train() -> TrainingOutcome:
            return train_market(
                store,
                registry,
                settings,
                market,
                clock.now(),
                options.reason,
                _tell,
                model=options.model,
                read_clock=clock.now,
                study=options.window,
            )

        if options.window is None:
            outcome = train()
        else:
            outcome = train_claimed(store, market, options.window, train, clock.now)
    _log.info(
        "training_done",
        market=str(market),
        status=outcome.status,
        version=outcome.version,
        detail=outcome.detail,
        peak_memory_mib=_peak_memory_mib(),
    )
    return ExitCode.OK if outcome.error is None else exit_code(outcome.error)


def _peak_memory_mib() -> int | None:
    """What a memory limit must allow; None where the system does not tell.

    Not ``ru_maxrss``, which keeps the size of the process that started this one.
    """
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024
    return None


def _tell(line: str) -> None:
    _log.info("progress", step=line)


def _market(settings: Settings, name: str | None, index: str | None) -> Market:
    """The market that was named, or the one that the pod of an Indexed Job is for."""
    if name is not None:
        named = Market.parse(name)
        return settings.market(named.symbol, named.interval).market
    if index is None:
        raise CallerError(
            f"no market: name one with --market, or run in an Indexed Job, which sets {INDEX}",
            field="market",
            allowed=[str(market.market) for market in settings.markets],
        )
    if not index.isdecimal() or int(index) >= len(settings.markets):
        last = len(settings.markets) - 1
        raise ConfigurationError(
            f"{INDEX} is {index!r}, but TIDECAST_MARKETS has markets 0 to {last}: let the Job have"
            f" {last + 1} completions"
        )
    return settings.markets[int(index)].market


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated("asked to end")
