"""Wiring of one service process: settings in, data plane and watcher out."""

import gc
import logging
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY

from service.admission import Admission
from service.api_keys import Doorkeeper, build_doorkeeper
from service.board import Board
from service.dataplane import DataPlane, Limits
from service.departure import Departure
from service.exposure import warn_of_open_doors
from service.metrics import BoardCollector, InflightCollector
from service.parameters import level_positions
from service.watch import MarketWatch
from service.watcher import Watcher
from tidecast.errors import ConfigurationError, InvalidParameter
from tidecast.registry import Registry
from tidecast.settings import Settings
from tidecast.store import Store

if TYPE_CHECKING:
    from service.rpc.server import RpcServer

SERVER_LOGGERS = ("", "bentoml", "uvicorn.error", "circus")
BENTOML_HANDLER = "tracehandler"
GC_THRESHOLD = (5_000, 20, 50)
"""Fewer collections than the default, and none of them long: one of 50,000 new objects stops every
request for 12 ms."""
SWITCH_SECONDS = 0.0005
"""How long a computation may keep Python from a request that has come; the default is 5 ms."""
LONGEST_SILENCE_SECONDS = 30.0
"""From then on gRPC answers even if there is still nothing to say about a market."""


@dataclass
class Runtime:
    """What one service process holds.

    Attributes:
        admission: the places for requests in flight, of all transports together.
        doorkeeper: whom every transport asks before the data plane.
        rpc: the gRPC server, None where gRPC is turned off.
    """

    board: Board
    plane: DataPlane
    watcher: Watcher
    store: Store
    admission: Admission
    doorkeeper: Doorkeeper
    rpc: "RpcServer | None" = None

    def start(self) -> None:
        """Start to watch, and to answer gRPC."""
        gc.set_threshold(*GC_THRESHOLD)
        sys.setswitchinterval(SWITCH_SECONDS)
        self.doorkeeper.start()
        self.watcher.start()
        if self.rpc is not None:
            self.rpc.open()
            threading.Thread(
                target=_start_when_known,
                args=(self.rpc, self.board),
                name="grpc start",
                daemon=True,
            ).start()
        Departure(self.plane, None if self.rpc is None else self.rpc.drain).prepare()

    def stop(self) -> None:
        """End the threads and close the store."""
        if self.rpc is not None:
            self.rpc.stop()
        self.watcher.stop()
        self.doorkeeper.stop()
        self.store.close()


def build_runtime(settings: Settings) -> Runtime:
    """Build everything; nothing is connected or started yet.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    from service.rpc.assembly import build_server

    clock = settings.clock.build()
    doorkeeper = build_doorkeeper(settings.service)
    warn_of_open_doors(doorkeeper, settings.service)
    store = Store(settings.store_url)
    registry = Registry(settings.tracking_uri, settings.home_dir.absolute() / "models")
    board = Board([market.market for market in settings.markets])
    limits = _limits(settings)
    watches = [
        MarketWatch(market, store, registry, board, clock, limits.default_levels)
        for market in board.markets
    ]
    watcher = Watcher(
        store,
        board,
        watches,
        poll_seconds=settings.service.poll_seconds,
        champion_poll_seconds=settings.service.registry_poll_seconds,
        settle=settle_memory,
    )
    admission = Admission(settings.service.max_inflight_requests)
    REGISTRY.register(BoardCollector(board, clock))
    REGISTRY.register(InflightCollector(admission))
    plane = DataPlane(board, store, clock, limits)
    return Runtime(
        board=board,
        plane=plane,
        watcher=watcher,
        store=store,
        admission=admission,
        doorkeeper=doorkeeper,
        rpc=build_server(settings.service, plane, board, admission, doorkeeper),
    )


def _start_when_known(rpc: "RpcServer", board: Board) -> None:
    """Clients of gRPC choose among the servers themselves and heed no readiness probe."""
    board.wait_until_known(LONGEST_SILENCE_SECONDS)
    rpc.start()


def settle_memory() -> None:
    """Keep what is alive now out of later garbage collections."""
    gc.collect()
    gc.freeze()


def adopt_server_logs() -> None:
    """Give the lines of BentoML and uvicorn our form, once each, and leave the access log out."""
    for name in SERVER_LOGGERS:
        logger = logging.getLogger(name)
        for handler in [h for h in logger.handlers if h.get_name() == BENTOML_HANDLER]:
            logger.removeHandler(handler)
        logger.propagate = True
    logging.getLogger("uvicorn.access").propagate = False


def _limits(settings: Settings) -> Limits:
    try:
        default_levels = level_positions(settings.default_levels)
    except InvalidParameter as error:
        raise ConfigurationError(f"TIDECAST_DEFAULT_LEVELS: {error}; {error.allowed}") from error
    return Limits(
        horizon=settings.horizon,
        default_levels=default_levels,
        max_staleness_candles=settings.service.max_staleness_candles,
        degraded_after_candles=settings.service.degraded_after_candles,
        max_candles=settings.service.max_candles_per_answer,
    )
