"""The real service, and the interpreter that has the clients of others."""

from pathlib import Path

import pytest

from tests.integration.service.conftest import bare_home, installation, server

__all__ = ["bare_home", "installation", "server"]

PEERS_PYTHON = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"


@pytest.fixture(scope="session")
def peers_python() -> Path:
    """Interpreter of the environment that ``make peers`` makes."""
    if not PEERS_PYTHON.exists():
        pytest.skip("needs the clients of others: make peers")
    return PEERS_PYTHON
