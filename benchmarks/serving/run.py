"""Measure serving, and write benchmarks/serving/results.json, results.md and the README's block.

The server has one core, the load another; peers are measured in turn with ours in the same run. A
full run takes about a quarter of an hour; parts that are not chosen keep their last figures.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import machine  # noqa: E402
from benchmarks.serving import (  # noqa: E402
    changes,
    cores,
    memory,
    overload,
    page,
    throughput,
    versions,
    watchers,
)
from benchmarks.serving.home import Home, make_home  # noqa: E402

TERMINATED = 143
FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
PAGE = FOLDER / "results.md"
README = ROOT / "README.md"
PARTS: dict[str, Callable[[Home, Path], dict[str, Any]]] = {
    "throughput": throughput.measure,
    "changes": changes.measure,
    "watchers": watchers.measure,
    "overload": overload.measure,
    "memory": memory.measure,
}


def main() -> int:
    """Measure the chosen parts; exit code 69 when the machine lacks something."""
    chosen = _options().only
    # So that whoever ends this ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if missing := cores.missing_tools():
        sys.stderr.write("bench-serving needs\n" + "".join(f"  {line}\n" for line in missing))
        return 69
    os.sched_setaffinity(0, {int(cores.LOAD_CORE)})
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory(prefix="tidecast-serving-") as folder:
        print("an ensemble, fitted on the shipped candles", flush=True)
        home = make_home(Path(folder) / "home")
        failed = [part for part in chosen if not _measured(part, home, Path(folder), results)]
    print(PAGE.read_text() if PAGE.exists() else "nothing measured")
    if failed:
        sys.stderr.write(f"bench-serving: failed, figures as before: {', '.join(failed)}\n")
    return 1 if failed else 0


def _measured(part: str, home: Home, folder: Path, results: dict[str, Any]) -> bool:
    """Measure one part and write it down; False when it failed, which harms no other part."""
    print(part, flush=True)
    facts, started = machine.describe() | versions.describe(), time.monotonic()
    try:
        figures = PARTS[part](home, folder)
    except Exception:
        traceback.print_exc()
        return False
    results[part] = {"machine": facts, "seconds": time.monotonic() - started, **figures}
    _write(results)
    return True


def _write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text("\n".join(page.page(results)) + "\n")
    README.write_text(page.with_block(README.read_text(), results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
