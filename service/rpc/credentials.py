"""TLS of the gRPC port; the files are read again when they change."""

from collections.abc import Callable

import grpc

from service.rpc.key_pair import KeyPair
from tidecast.errors import ConfigurationError
from tidecast.telemetry import get_logger

Configuration = grpc.ServerCertificateConfiguration

log = get_logger("service")


def credentials(pair: KeyPair) -> grpc.ServerCredentials:
    """Credentials that follow the files: each new connection gets the newest sound pair."""
    # Its type forbids None, its documentation says what None means.
    return grpc.dynamic_ssl_server_credentials(_load(pair), _renewal(pair))  # type: ignore[arg-type]


def _renewal(pair: KeyPair) -> Callable[[], Configuration | None]:
    loaded = pair.version()

    def renewed() -> Configuration | None:
        nonlocal loaded
        try:
            found = pair.version()
            if found == loaded:
                return None
            loaded = found
            pair.check()
            configuration = _load(pair)
        except (OSError, ConfigurationError) as error:
            # Half a renewal: the old pair goes on until the files change again.
            log.warning("grpc_certificate_kept", error=str(error))
            return None
        log.info("grpc_certificate_renewed", file=str(pair.certificate))
        return configuration

    return renewed


def _load(pair: KeyPair) -> Configuration:
    contents = (pair.key.read_bytes(), pair.certificate.read_bytes())
    return grpc.ssl_server_certificate_configuration([contents])
