"""Schemathesis over the OpenAPI document, against the running service."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.rest.openapi import default_settings, document, dump_document

pytestmark = pytest.mark.timeout(300)
CONFIG = """
[[operations]]
include-path-regex = "^/v2/models/.*/infer$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]
"""
"""JSON Schema cannot say that a tensor's shape is as long as its data, and each name there once."""


def test_service_answers_as_its_document_says_whatever_is_asked(server, tmp_path: Path) -> None:
    settings = default_settings().model_copy(update={"markets": default_settings().markets[:1]})
    path = tmp_path / "openapi.json"
    path.write_bytes(dump_document(document(settings)))
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = ["-m", "schemathesis.cli", "run", str(path), "--url", server.url, "--seed", "7"]
    options = ["--max-examples", "20", "--checks", "all", "--no-color"]
    done = subprocess.run(
        [sys.executable, *command, *options], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-4000:]
