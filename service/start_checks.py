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


def _check_grpc_port(settings: ServiceSettings) -> None:
    if settings.grpc_port is None:
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.grpc_port))
        except OSError as error:
            raise ConfigurationError(
                f"TIDECAST_SERVICE__GRPC_PORT: cannot listen on {settings.host}:"
                f"{settings.grpc_port} ({error.strerror}): stop what is there, name another port, "
                "or turn gRPC off with null"
            ) from error
