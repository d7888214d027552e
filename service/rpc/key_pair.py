"""The certificate of the gRPC port and its key: files that are checked before they are used."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from tidecast.errors import ConfigurationError
from tidecast.settings import ServiceSettings

CERTIFICATE = "TIDECAST_SERVICE__GRPC_CERTIFICATE_FILE"
KEY = "TIDECAST_SERVICE__GRPC_PRIVATE_KEY_FILE"


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
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.key, password="")
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                f"{CERTIFICATE}: {self.certificate} and {self.key} are not a PEM certificate "
                f"and its private key without a password ({error})"
            ) from error

    def version(self) -> tuple[int, ...]:
        """Changes when one of the files does."""
        files = (self.certificate.stat(), self.key.stat())
        return tuple(each for file in files for each in (file.st_mtime_ns, file.st_ino))


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
