"""checkov's rules, from an environment of its own; each exception has a reason beside it."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from terraform_cli import CONFIGURATION

CHECKOV = "CHECKOV"
"""Environment variable with the path of the command."""

SHORTEST_REASON = 30
"""Characters; a reason that fits into fewer says nothing."""


def scan(folder: Path) -> subprocess.CompletedProcess[str]:
    command = os.environ.get(CHECKOV)
    if not command:
        pytest.skip(f"{CHECKOV} does not name the command; `make terraform-test` sets it")
    values = CONFIGURATION / "examples" / "production.tfvars"
    scanning = ["--directory", str(folder), "--framework", "terraform", "--skip-download"]
    return subprocess.run(
        [
            *(command, *scanning, "--compact", "--quiet", "--var-file", str(values)),
            *("--skip-path", "tests/"),  # Its parser does not know test files.
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_checkov_finds_nothing() -> None:
    done = scan(CONFIGURATION)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed checks: " in done.stdout and "Passed checks: 0" not in done.stdout
    assert "Parsing errors" not in done.stdout


def test_checkov_finds_a_mistake(tmp_path: Path) -> None:
    text = (CONFIGURATION / "registry.tf").read_text()
    (tmp_path / "registry.tf").write_text(text.replace('"IMMUTABLE"', '"MUTABLE"'))

    assert "CKV_AWS_51" in scan(tmp_path).stdout


def test_every_exception_has_a_reason() -> None:
    skips = [
        line.strip()
        for file in CONFIGURATION.glob("*.tf")
        for line in file.read_text().splitlines()
        if "checkov:skip" in line
    ]

    assert skips
    for line in skips:
        match = re.fullmatch(r"#checkov:skip=CKV2?_AWS_\d+:(.+)", line)
        assert match and len(match[1]) >= SHORTEST_REASON, line
