"""Time and peak memory of one training, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = """
import json, re, sys, time
from datetime import UTC, datetime
from pathlib import Path
from cli.candle_files import read_candles
from tidecast.models import catalogue
candles = read_candles(Path(sys.argv[1]), "1h", datetime.now(UTC)).candles
started = time.perf_counter()
catalogue.fit("ensemble", candles.iloc[-17520:], "1h", 24)
status = Path("/proc/self/status").read_text()
print(json.dumps({
    "candles": len(candles.iloc[-17520:]),
    "seconds": time.perf_counter() - started,
    # VmHWM and not ru_maxrss: the latter keeps the size of the process that started this one.
    "peak_mib": int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024,
}))
"""


def measure(file: Path) -> dict[str, Any]:
    """Fit the ensemble on the newest two years of hours of a file."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)], check=True, capture_output=True, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
