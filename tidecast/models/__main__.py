"""Loads an artifact and forecasts with it, in a process that may die of it.

``python -m tidecast.models FOLDER`` ends with 0 if the artifact can be used, else with 65 and the
reason on standard output. ``tidecast.registry.trial`` starts it.
"""

import resource
import sys
from pathlib import Path

from tidecast.errors import ArtefactInvalid
from tidecast.models.artefact import load

USABLE, REFUSED = 0, 65
CPU_SECONDS = 60
"""A load takes 2 to 4, most of it imports."""
ADDRESS_SPACE_BYTES = 3 * 2**30
"""A load reserves 1.5 GB, most of it for threads, and uses 0.2 GB."""


def main() -> int:
    """Limit this process, then load."""
    # SIGXCPU at the soft limit: SIGKILL, at the hard one, would look like a lack of memory.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        load(Path(sys.argv[1]))
    except ArtefactInvalid as error:
        print(error)
        return REFUSED
    return USABLE


if __name__ == "__main__":
    sys.exit(main())
