"""Runs the ``check_`` functions of a client script; what /v1 says is the measure of the numbers."""

import json
import sys
import traceback
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

URL, RPC = sys.argv[1:3]
MODEL = "tidecast"
SYMBOL = "BTC-USD"


def served(**parameters: Any) -> dict[str, Any]:
    """The forecast as /v1 answers it."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    with urllib.request.urlopen(f"{URL}/v1/forecasts/{SYMBOL}?{query}", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def expected(**parameters: Any) -> dict[str, list[Any]]:
    """The output tensors that this forecast must become, flat."""
    forecast = served(**parameters)
    steps = forecast["steps"]
    levels = [float(level) for level in steps[0]["quantiles"]]
    times = [datetime.fromisoformat(step["target_time"]) for step in steps]
    return {
        "timestamps": [int(time.timestamp()) * 1000 for time in times],
        "mean": [step["mean"] for step in steps],
        "quantiles": [price for step in steps for price in step["quantiles"].values()],
        "quantile_levels": levels,
    }


def same(found: Mapping[str, Any], wanted: Mapping[str, list[Any]]) -> None:
    """Equal to the last bit; ``found`` holds arrays."""
    assert set(found) == set(wanted), set(found) ^ set(wanted)
    for name, values in wanted.items():
        assert found[name].ravel().tolist() == values, name
    if "quantiles" in wanted and "mean" in wanted and "quantile_levels" in wanted:
        shape = (len(wanted["mean"]), len(wanted["quantile_levels"]))
        assert found["quantiles"].shape == shape, found["quantiles"].shape


def refused(ask: Callable[[], object], kind: type[Exception]) -> Exception:
    """The error that ``ask`` ends with."""
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def run(script: Mapping[str, Any]) -> None:
    """Run every check of a script and leave with 1 when one failed."""
    checks = {name: check for name, check in script.items() if name.startswith("check_")}
    failed = 0
    for name, check in checks.items():
        try:
            check()
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}")
        else:
            print(f"ok {name}")
    sys.exit(1 if failed or not checks else 0)
