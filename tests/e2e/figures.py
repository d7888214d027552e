"""What the scenarios measured, kept in benchmarks/e2e/."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks" / "e2e"
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
        """Write results.json and results.md."""
        if not self._by_scenario:
            return
        now = datetime.now(UTC)
        results = {
            "at": now.isoformat(timespec="seconds"),
            "cluster": cluster,
            "machine": platform.machine(),
            "scenarios": self._by_scenario,
        }
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n")
        (FOLDER / "results.md").write_text(self._page(f"{now:%Y-%m-%d}", cluster))

    def _page(self, date: str, cluster: str) -> str:
        rows = [
            f"| {scenario} | {name.replace('_', ' ')} | {value} |"
            for scenario, figures in self._by_scenario.items()
            for name, value in figures.items()
        ]
        head = f"# What `make e2e` saw\n\n{date}, {cluster}.\n\n| scenario | figure | value |\n"
        return head + "| --- | --- | --- |\n" + "\n".join(rows) + "\n"
