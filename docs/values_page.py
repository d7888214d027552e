"""Writes helm/tidecast/README.md from the comments of the chart's values: `make values-docs`."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

VALUES = Path(__file__).resolve().parents[1] / "helm" / "tidecast" / "values.yaml"
LONGEST_DEFAULT = 80
HEAD = """# The chart's values

Made from `values.yaml` by `make values-docs`; do not edit. How to install and to run it:
[operations](../../docs/operations.md).

As they stand, the values make a trial: PostgreSQL and MLflow run inside the release. Examples of
others are in [ci/](ci). A name that is not here, or a value of another type, is refused at install.

| value | default | meaning |
| --- | --- | --- |"""

Value = tuple[str, ...]
"""The keys that lead to a value."""


def page(text: str) -> str:
    """The whole page."""
    values, comments = yaml.safe_load(text), documented(text)
    rows = [_row(path, _at(values, path), comments[path]) for path in leaves(values)]
    return "\n".join([HEAD, *rows]) + "\n"


def leaves(values: dict[str, Any], path: Value = ()) -> list[Value]:
    """Every value; resources of a container are one."""
    found = []
    for key, value in values.items():
        here = (*path, key)
        found += leaves(value, here) if _is_section(here, value) else [here]
    return found


def documented(text: str) -> dict[Value, str]:
    """The comment right above each key that has one."""
    path: list[tuple[int, str]] = []
    found, comment = {}, []
    for line in text.splitlines():
        if line.strip().startswith("#"):
            comment.append(line.strip().lstrip("# "))
            continue
        if match := re.match(r"( *)([A-Za-z]+):", line):
            depth = len(match[1])
            path = [one for one in path if one[0] < depth] + [(depth, match[2])]
            if comment:
                found[tuple(name for _, name in path)] = " ".join(comment)
        comment = []
    return found


def _is_section(path: Value, value: object) -> bool:
    """Whether a mapping holds values, and is not one."""
    whole = path[0] == "resources" and len(path) == 2
    return isinstance(value, dict) and bool(value) and not whole


def _at(values: Any, path: Value) -> Any:
    for name in path:
        values = values[name]
    return values


def _row(path: Value, value: Any, comment: str) -> str:
    default = json.dumps(value)
    shown = f"`{default}`" if len(default) <= LONGEST_DEFAULT else "see values.yaml"
    return f"| `{'.'.join(path)}` | {shown} | {comment.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    print(page(VALUES.read_text()), end="")
