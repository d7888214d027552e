"""``tidecast.v1.ForecastService`` over the data plane."""

from service.dataplane import DataPlane
from service.rpc.methods import Service

NAME = "tidecast.v1.ForecastService"


def forecast_service(plane: DataPlane) -> Service:
    """The service."""
    return Service(NAME, {})
