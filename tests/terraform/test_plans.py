"""`terraform test`: plans against a mocked provider, a file at a time."""

import pytest
from terraform_cli import CONFIGURATION, Workspace

FILES = sorted(file.name for file in (CONFIGURATION / "tests").glob("*.tftest.hcl"))


@pytest.mark.parametrize("name", FILES)
def test_plan(checked: Workspace, name: str) -> None:
    done = checked.run("test", f"-filter=tests/{name}", check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success!" in done.stdout and " 0 passed" not in done.stdout


def test_every_validation_is_refused_somewhere() -> None:
    variables = (CONFIGURATION / "variables.tf").read_text()
    inputs = (CONFIGURATION / "tests" / "inputs.tftest.hcl").read_text()
    for block in variables.split('\nvariable "')[1:]:
        name = block.split('"')[0]
        assert inputs.count(f"    var.{name},") >= block.count("validation {"), name


def test_there_are_plans() -> None:
    assert len(FILES) == 5
