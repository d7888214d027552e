import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# The same examples in every run, however slow the machine is at the moment.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a test makes of the logging of this process is not for the next one."""
    root = logging.getLogger()
    configured, level, handlers = structlog.get_config(), root.level, list(root.handlers)
    yield
    structlog.configure(**configured)
    root.setLevel(level)
    root.handlers[:] = handlers
