"""What the kernel says of a process and of those it started."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

BYTES_PER_KIB, BYTES_PER_MB = 1024, 1e6


def descendants(pid: int) -> Iterator[int]:
    """Everything that a process started, children before their children."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return
    for child in map(int, listed.split()):
        yield child
        yield from descendants(child)


def command(pid: int) -> str:
    """Its command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def memory(pid: int) -> dict[str, float]:
    """Resident set and proportional share of it, MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {
        name.lower(): _kib(text, name) * BYTES_PER_KIB / BYTES_PER_MB for name in ("Rss", "Pss")
    }


def cpu_seconds(pid: int) -> float:
    """Time on a core so far, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kib(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {name} in smaps_rollup")
    return int(found[1])
