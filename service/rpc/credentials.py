"""TLS of the gRPC port: a certificate and its key, read again when the files change."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from tidecast.errors import ConfigurationError
from tidecast.settings import ServiceSettings
from tidecast.telemetry import get_logger

CERTIFICATE = "TIDECAST_SERVICE__GRPC_CERTIFICATE_FILE"
KEY = "TIDECAST_SERVICE__GRPC_PRIVATE_KEY_FILE"

log = get_logger("service")


@dataclass(frozen=True)
class KeyPair:
    """PEM files."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Do nothing when they are what they should be.

        Raises:
            ConfigurationError: one is missing or malformed, or they do not belong together.
        """
        for name, file in ((CERTIFICATE, self.certificate), (KEY, self.key)):
            try:
                file.read_bytes()
            except OSError as error:
                raise ConfigurationError(f"{name}: cannot read {file}: {error.strerror}") from error
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self.certificate, self.key, password=""
            )
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                f"{CERTIFICATE}: {self.certificate} and {self.key} are not a PEM certificate "
                f"and its private key without a password ({error})"
            ) from error

    def version(self) -> tuple[int, ...]:
        """Changes when one of the files does."""
        files = (self.certificate.stat(), self.key.stat())
        return tuple(each for file in files for each in (file.st_mtime_ns, file.st_ino))

    def load(self) -> grpc.ServerCertificateConfiguration:
        """Read them."""
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair])


def key_pair(settings: ServiceSettings) -> KeyPair | None:
    """The files that the settings name, checked; None where none are named.

    Raises:
        ConfigurationError: only one is named, or they cannot be used.
    """
    certificate, key = settings.grpc_certificate_file, settings.grpc_private_key_file
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigurationError(f"{CERTIFICATE} and {KEY} go together: set both or none")
    pair = KeyPair(certificate, key)
    pair.check()
    return pair


def credentials(pair: KeyPair) -> grpc.ServerCredentials:
    """Credentials that follow the files: each new connection gets the newest sound pair."""
    # Its type forbids None, its documentation says what None means.
    return grpc.dynamic_ssl_server_credentials(pair.load(), _renewal(pair))  # type: ignore[arg-type]


def _renewal(pair: KeyPair) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
    loaded = pair.version()

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal loaded
        try:
            found = pair.version()
            if found == loaded:
                return None
            loaded = found
            pair.check()
            log.info("grpc_certificate_renewed", file=str(pair.certificate))
            return pair.load()
        except (OSError, ConfigurationError) as error:
            # Half a renewal: the old one goes on until the next change.
            log.warning("grpc_certificate_kept", error=str(error))
            return None

    return renewed
