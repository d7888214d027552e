"""Wiring of gRPC: settings and data plane in, server out."""

from service.dataplane import DataPlane
from service.rpc.forecasts import forecast_service
from service.rpc.inference import inference_service
from service.rpc.server import RpcServer
from tidecast.settings import ServiceSettings


def build_server(settings: ServiceSettings, plane: DataPlane) -> RpcServer | None:
    """The server with all services; None where gRPC is turned off."""
    if settings.grpc_port is None:
        return None
    services = [forecast_service(plane), inference_service(plane)]
    address = f"{settings.host}:{settings.grpc_port}"
    return RpcServer(services, address, settings.drain_seconds)
