"""Says at the start when everybody who reaches this machine may ask."""

import os
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address

from service.api_keys import Doorkeeper
from tidecast.settings import ServiceSettings
from tidecast.telemetry import get_logger

log = get_logger("service")


def warn_of_open_doors(doorkeeper: Doorkeeper, settings: ServiceSettings) -> None:
    """Warn when somebody beyond this machine may ask without a key, or a limit limits nothing."""
    if doorkeeper.asks:
        return
    hosts = [http_host(sys.argv) or settings.host]
    if settings.grpc_port is not None:
        hosts.append(settings.host)
    reachable = sorted({host for host in hosts if not is_loopback(host)})
    if reachable:
        log.warning(
            "service_open",
            listens_on=reachable,
            meaning="everybody who reaches this address may ask",
            to_do="make a key with `tidecast key NAME`, set TIDECAST_SERVICE__API_KEYS_FILE",
        )
    if settings.requests_per_second_per_key is not None:
        log.warning(
            "rate_limit_without_keys",
            meaning="TIDECAST_SERVICE__REQUESTS_PER_SECOND_PER_KEY limits nobody: there is no key",
        )


def http_host(arguments: Sequence[str]) -> str | None:
    """Address that the HTTP socket of a BentoML worker is bound to; None in another process.

    The supervisor binds it, to what its command line says, and hands it down by its number.
    """
    if "--fd" not in arguments:
        return None
    number = int(arguments[arguments.index("--fd") + 1])
    with socket.socket(fileno=os.dup(number)) as bound:
        name = bound.getsockname()
    return str(name[0]) if isinstance(name, tuple) else "localhost"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name other than localhost counts as not."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
