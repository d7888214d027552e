"""What needs neither AWS nor a plan: form, validity, the lock file, the number of variables."""

import json
import re

from terraform_cli import CONFIGURATION, Workspace

MOST_VARIABLES = 19
"""Under twenty: a variable exists only where two installations differ."""

LOCKED_PLATFORMS = 14
"""Zip files of provider 5.100.0 in the registry, darwin's and linux's among them."""


def test_files_are_formatted(checked: Workspace) -> None:
    done = checked.run("fmt", "-check", "-diff", "-recursive", str(CONFIGURATION), check=False)

    assert done.returncode == 0, done.stdout


def test_configuration_is_valid(checked: Workspace) -> None:
    said = json.loads(checked.run("validate", "-json").stdout)

    assert said["valid"] and said["warning_count"] == 0, said["diagnostics"]


def test_lock_file_covers_every_platform() -> None:
    lock = (CONFIGURATION / ".terraform.lock.hcl").read_text()

    assert len(re.findall(r'"zh:[0-9a-f]{64}"', lock)) == LOCKED_PLATFORMS + 1
    assert re.findall(r'provider "(.*)"', lock) == ["registry.terraform.io/hashicorp/aws"]


def test_variables_are_few_typed_described_and_validated() -> None:
    text = (CONFIGURATION / "variables.tf").read_text()
    blocks = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL))

    assert 0 < len(blocks) <= MOST_VARIABLES
    for name, block in blocks.items():
        assert "description = " in block and re.search(r"^  type +=", block, re.MULTILINE), name
        assert "validation {" in block or re.search(r"type +=\s+bool", block), name


def test_no_file_knows_of_tests() -> None:
    for file in CONFIGURATION.glob("*.tf"):
        assert not re.search(r"\b(moto|mock|localhost|127\.0\.0\.1)\b", file.read_text()), file
