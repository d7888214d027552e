"""Wiring of gRPC: settings and data plane in, server out."""

from collections.abc import Callable

from service.admission import Admission
from service.api_keys import Doorkeeper
from service.board import Board
from service.dataplane import DataPlane
from service.rpc.calls import Call
from service.rpc.desk import build_desk
from service.rpc.endpoints import Unary
from service.rpc.forecasts import NAME as FORECASTS
from service.rpc.forecasts import forecast_service
from service.rpc.health import WATCH as HEALTH_WATCH
from service.rpc.health import Health
from service.rpc.inference import inference_service
from service.rpc.key_pair import key_pair
from service.rpc.metrics import WATCHERS
from service.rpc.reflection import METHOD as REFLECTION
from service.rpc.reflection import Reflection
from service.rpc.server import RpcServer
from service.rpc.streams import Feed, Streams
from service.rpc.watching import History, Watching
from tidecast.settings import ServiceSettings


def build_server(
    settings: ServiceSettings,
    plane: DataPlane,
    board: Board,
    admission: Admission,
    doorkeeper: Doorkeeper,
) -> RpcServer | None:
    """The server with all services; None where gRPC is turned off.

    Raises:
        ConfigurationError: certificate or key cannot be used.
    """
    if settings.grpc_port is None:
        return None
    desk = build_desk(admission, doorkeeper, settings.slow_client_seconds)
    services = [forecast_service(plane), inference_service(plane)]
    health = Health([service.name for service in services], lambda: plane.readiness().ready)
    services.append(health.service())
    watchers = Streams(settings.max_watchers, desk, WATCHERS)
    health_watchers = Streams(settings.max_watchers, desk)
    history = History(board.markets)
    endpoints: dict[str, Callable[[Call], None]] = {
        f"{service.name}/{name}": Unary(f"{service.name}/{name}", method, desk)
        for service in services
        for name, method in service.methods.items()
    }
    watch = f"{FORECASTS}/WatchForecasts"
    endpoints[watch] = Feed(watch, Watching(plane, history).subscribe, watchers, desk)
    endpoints[HEALTH_WATCH] = Feed(HEALTH_WATCH, health.watch, health_watchers, desk, exempt=True)
    endpoints[REFLECTION] = Reflection([service.name for service in services], desk)
    board.subscribe(history.add)
    board.subscribe(lambda *_: watchers.wake())
    board.subscribe(lambda *_: health_watchers.wake())
    return RpcServer(endpoints, watchers, health_watchers, desk, settings, key_pair(settings))
