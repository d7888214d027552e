"""The real service as a process, for Locust to load."""

from tests.integration.service.conftest import bare_home, installation, server

__all__ = ["bare_home", "installation", "server"]
