"""What machine a figure was measured on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version


def describe() -> dict[str, str]:
    """Date, processor, cores, memory and the versions that matter."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_gib:.0f} GiB",
        "python": platform.python_version(),
        "scikit-learn": version("scikit-learn"),
        "statsmodels": version("statsmodels"),
        "bentoml": version("bentoml"),
        "load_before": f"{os.getloadavg()[0]:.1f}",
    }


def line(facts: dict[str, str]) -> str:
    """One line for a table's caption."""
    return (
        f"{facts['date']}, {facts['processor']}, {facts['cores']} cores, {facts['memory']}, "
        f"Python {facts['python']}, load before {facts['load_before']}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123
            names = [row.split(":", 1)[1].strip() for row in stream if row.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
