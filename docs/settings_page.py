"""Writes docs/settings.md from the docstrings of the settings: `make settings-docs`."""

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tidecast.settings import MarketSettings, Settings, SourceSettings

HEAD = """# Settings

Made from `tidecast/settings.py` by `make settings-docs`; do not edit.

Every setting is an environment variable. `TIDECAST_CONFIG_FILE` may name a YAML file with the same
names in lower case, nested by section; the environment wins. A wrong value stops the process with
one line that says which setting and why. A value that is a list is JSON in the environment; `null`
is None.

```yaml
horizon: 24
service:
  port: 3000
markets:
  - symbol: BTC-EUR
    interval: 1h
    sources:
      - {exchange: kraken, pair: XBTEUR}
      - {exchange: bitstamp, pair: btceur}
```
"""

TABLE = "| name | type | default | meaning |\n| --- | --- | --- | --- |"


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## General\n", TABLE, *_rows(_plain_fields(Settings), "TIDECAST_")]
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is not None:
            parts += _section_page(section, name.capitalize(), f"TIDECAST_{name.upper()}__")
    for title, item in (("One market", MarketSettings), ("One source", SourceSettings)):
        parts += ["", f"## {title}\n", f"{_doc(item)}\n", TABLE, *_rows(item.model_fields, "")]
    return "\n".join(parts) + "\n"


def _section_page(section: type[BaseModel], title: str, prefix: str) -> Iterator[str]:
    yield from ("", f"## {title}\n", f"{_doc(section)}\n", TABLE)
    yield from _rows(_plain_fields(section), prefix)
    for name, field in section.model_fields.items():
        inner = _section(field)
        if inner is not None:
            inner_title = f"{title}: {name.capitalize()}"
            yield from _section_page(inner, inner_title, f"{prefix}{name.upper()}__")


def _plain_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    fields = model.model_fields.items()
    return {name: field for name, field in fields if _section(field) is None}


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _rows(fields: dict[str, FieldInfo], prefix: str) -> Iterator[str]:
    for name, field in fields.items():
        shown = prefix + name.upper() if prefix else name
        meaning = _one_line(field.description)
        yield f"| `{shown}` | {_type(field.annotation)} | {_default(field)} | {meaning} |"


def _doc(model: type[BaseModel]) -> str:
    return _one_line(model.__doc__)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("``", "`")


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " \\| ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return _type(next(kind for kind in arguments if kind is not type(None)))
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if annotation is SecretStr:
        return "secret"
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0])
    names = {Path: "path", float: "number", int: "integer", str: "text", bool: "true or false"}
    return names.get(annotation, "time, RFC 3339" if "atetime" in str(annotation) else "object")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.annotation is not None and "MarketSettings" in str(field.annotation):
        return "; ".join(f"`{settings.market}`" for settings in field.default)
    return f"`{json.dumps(field.default, default=str)}`"


if __name__ == "__main__":
    print(page(), end="")
