"""What must be right before the service starts, so that a wrong start ends at once and clearly.

In the worker it would be too late: BentoML starts a worker that fails again and again.
"""

import socket

from service.api_keys import build_doorkeeper
from service.rpc.key_pair import key_pair
from tidecast.errors import ConfigurationError
from tidecast.settings import ServiceSettings, Settings, load_settings


def checked_settings() -> Settings:
    """The settings, when the service can start with them.

    Raises:
        ConfigurationError: a setting is wrong, a file that one names is of no use, or the gRPC
            port is taken.
    """
    settings = load_settings()
    settings.clock.build()
    build_doorkeeper(settings.service)
    key_pair(settings.service)
    _check_grpc_port(settings.service)
    return settings


def listen(
    host: str, port: int, setting: str, remedy: str = "or name another port"
) -> socket.socket:
    """A socket that is bound, but not heard yet: connections are refused.

    Args:
        host: address or name.
        port: number of the port.
        setting: names the port.
        remedy: what can be done instead of stopping who has the port.

    Raises:
        ConfigurationError: the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"{setting}: cannot listen on {host}:{port} ({error.strerror}): stop what is there, "
            f"{remedy}"
        ) from error
    return bound


def _check_grpc_port(settings: ServiceSettings) -> None:
    if settings.grpc_port is not None:
        remedy = "name another port, or turn gRPC off with null"
        setting = "TIDECAST_SERVICE__GRPC_PORT"
        listen(settings.host, settings.grpc_port, setting, remedy).close()
