"""What the scenarios measured, kept in benchmarks/e2e/ and shown in the README."""

import json
from datetime import UTC, datetime

from release import ROOT

from benchmarks.cluster import BLOCK, block, page
from benchmarks.readme import with_block

FOLDER = ROOT / "benchmarks" / "e2e"
README = ROOT / "README.md"
Figure = float | int | str


class Figures:
    """Collects figures by scenario and writes them at the end."""

    def __init__(self) -> None:
        self._by_scenario: dict[str, dict[str, Figure]] = {}

    def note(self, scenario: str, **figures: Figure) -> None:
        """Keep figures of a scenario; the unit is the end of their names."""
        self._by_scenario.setdefault(scenario, {}).update(figures)
        print(f"\n{scenario}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))

    def write(self, cluster: str) -> None:
        """Write the page and the README's block, unless a scenario was not run to its end."""
        results = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cluster": cluster,
            "scenarios": self._by_scenario,
        }
        try:
            lines = block(results)
        except KeyError as missing:
            print(f"\nbenchmarks/e2e is as it was: there is no {missing}")
            return
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (FOLDER / "results.md").write_text("\n".join(page(results)) + "\n")
        README.write_text(with_block(README.read_text(), BLOCK, lines))
