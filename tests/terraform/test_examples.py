"""Each example can be planned from nothing; the production one is applied by the other tests."""

from pathlib import Path

import pytest
from terraform_cli import CONFIGURATION, Workspace, copy_of_configuration


@pytest.mark.parametrize("size", ["trial", "large"])
def test_example_can_be_planned(checked: Workspace, aws: str, tmp_path: Path, size: str) -> None:
    copy = Workspace(copy_of_configuration(tmp_path), endpoint=aws)
    (copy.folder / ".terraform").symlink_to(checked.folder / ".terraform")
    values = CONFIGURATION / "examples" / f"{size}.tfvars"

    planned = copy.run("plan", f"-var-file={values}").stdout

    assert " to add, 0 to change, 0 to destroy." in planned
    assert ("compute_config {" in planned) == (size == "large")
