"""README.md: its sums, its files, and that it leads there and back."""

import re

import pytest
from terraform_cli import CONFIGURATION

README = (CONFIGURATION / "README.md").read_text()
SIZES = ("trial", "production", "large")


def cost_table() -> dict[str, list[str]]:
    """Cells of the table of costs by their row; the last three are the sizes."""
    section = README.split("## What it costs")[1].split("##")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


@pytest.mark.parametrize("size", SIZES)
def test_costs_add_up(size: str) -> None:
    table = cost_table()
    column = table[""].index(size)
    spent = {
        name: int(found[-1])
        for name, cells in table.items()
        if name not in ("", "---") and (found := re.findall(r"\d+", cells[column]))
    }

    assert spent.pop("**sum**") == sum(spent.values())


@pytest.mark.parametrize("size", SIZES)
def test_budget_of_the_example_covers_its_costs(size: str) -> None:
    values = (CONFIGURATION / "examples" / f"{size}.tfvars").read_text()
    [budget] = re.findall(r"^monthly_budget_usd += (\d+)", values, re.MULTILINE)
    table = cost_table()
    [expected] = re.findall(r"\d+", table["**sum**"][table[""].index(size)])

    assert 1.1 < int(budget) / int(expected) < 1.4


def test_every_file_is_named() -> None:
    named = set(re.findall(r"`([a-z-]+\.tf)`", README))
    files = {file.name for file in CONFIGURATION.glob("*.tf")}

    assert files - named <= {"versions.tf", "locals.tf", "outputs.tf", "variables.tf"}
    assert named - files <= {"s3-backend.tf"}


def test_outputs_that_commands_ask_for_exist() -> None:
    outputs = (CONFIGURATION / "outputs.tf").read_text()
    asked = set(re.findall(r"terraform output -raw (\w+)", README))

    assert asked and all(f'output "{name}"' in outputs for name in asked)
