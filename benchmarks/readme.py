"""Blocks of the README that measurements write."""


def marks(name: str) -> tuple[str, str]:
    """The lines between which the block of this name stands."""
    return f"<!-- {name}: start -->", f"<!-- {name}: end -->"


def with_block(text: str, name: str, lines: list[str]) -> str:
    """The README with one of its blocks made anew."""
    start, end = marks(name)
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return "\n".join([before + start, *lines, end]) + after
