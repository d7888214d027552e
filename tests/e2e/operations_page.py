"""The commands of docs/operations.md, to be run as they stand but for names."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from release import ROOT, Release

PAGE = ROOT / "docs" / "operations.md"
FENCED = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^## (.*)$", re.M)
NAMESPACE = re.compile(r"(--namespace|create namespace|label namespace) tidecast\b")
COMMAND_SECONDS = 700
PASSWORD = "a password / with @ what no URL has"


@dataclass(frozen=True)
class Block:
    """Commands that stand together.

    Attributes:
        name: the heading above them, and which of the blocks below it they are.
    """

    name: str
    text: str


def blocks() -> dict[str, Block]:
    """Every block of the page, by its name."""
    page = PAGE.read_text()
    headings = [(found.start(), found[1]) for found in HEADING.finditer(page)]
    made: dict[str, Block] = {}
    for found in FENCED.finditer(page):
        heading = [text for start, text in headings if start < found.start()][-1]
        count = sum(name.startswith(heading) for name in made)
        name = heading if not count else f"{heading} {count + 1}"
        made[name] = Block(name, found[1])
    return made


def run_block(block: Block, release: Release, folder: Path, manifests: Path | None = None) -> str:
    """Run a block against a release; what it printed.

    Args:
        block: what to run.
        release: its namespace and image stand in for those of the page.
        folder: where files go that it writes.
        manifests: stands in for `k8s/`.
    """
    for name in ("helm", "k8s"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    namespace, values = release.namespace.name, " ".join(release.values())
    text = NAMESPACE.sub(rf"\1 {namespace}", block.text)
    text = text.replace("--set image.registry=registry.example.com/team", values)
    if manifests is not None:
        text = text.replace("k8s/", f"{manifests}/")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, "PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stdout
