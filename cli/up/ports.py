"""Is the port free on which the service shall listen?"""

import socket

from tidecast.errors import ConfigurationError


def check_port_free(host: str, port: int, option: str = "--port") -> None:
    """Do nothing when it is.

    Args:
        host: address.
        port: TCP port.
        option: names another one.

    Raises:
        ConfigurationError: somebody listens there, or the address is not ours.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as e:
            raise ConfigurationError(
                f"cannot listen on {host}:{port} ({e.strerror}): stop what is there, "
                f"or name another port with {option}"
            ) from e
