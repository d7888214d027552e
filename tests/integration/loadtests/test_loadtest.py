"""Load tests run headless against the real service, and their exit code is the verdict."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.shapes import SHAPES
from tests.integration.service.conftest import Server, free_port

ROOT = Path(__file__).parents[3]
SHORT = ["-u", "4", "-t", "5s"]
LENIENT = ["--p95-ms", "30000", "--p99-ms", "60000"]
"""The machine of the tests may be busy; that slowness is told is shown by the strict test."""

pytestmark = pytest.mark.timeout(300)


def _load(host: str, reports: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtests", *arguments],
        cwd=ROOT,
        env={**os.environ, "HOST": host, "REPORTS": str(reports)},
        capture_output=True,
        text=True,
        timeout=200,
    )


def _requests(reports: Path) -> dict[str, int]:
    (page,) = reports.glob("*_stats.csv")
    rows = list(csv.DictReader(page.read_text().splitlines()))
    counted: dict[str, int] = {}
    for row in rows:
        counted[row["Type"]] = counted.get(row["Type"], 0) + int(row["Request Count"])
    return counted


def test_load_within_the_objectives_exits_with_zero(server: Server, tmp_path: Path) -> None:
    server.wait_ready()
    done = _load(server.url, tmp_path, *SHORT, *LENIENT, "--grpc-host", server.rpc)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every objective of the shape steady is met" in done.stdout
    counted = _requests(tmp_path)
    assert all(counted[kind] > 5 for kind in ("REST", "gRPC", "OIP", "OIP gRPC")), counted
    (report,) = tmp_path.glob("*.html")
    assert "Locust" in report.read_text()


def test_missed_objective_exits_with_one_and_is_named(server: Server, tmp_path: Path) -> None:
    server.wait_ready()
    wanted = ["--p95-ms", "0.001", "--p99-ms", "60000", "RestUser"]
    done = _load(server.url, tmp_path, *SHORT, *wanted)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missed: REST: p95_ms is" in done.stdout
    assert "missed: REST: p99_ms" not in done.stdout


def test_load_without_a_number_of_users_has_those_of_its_shape(
    server: Server, tmp_path: Path
) -> None:
    server.wait_ready()
    done = _load(server.url, tmp_path, "-t", "3s", *LENIENT, "RestUser")
    assert f"({SHAPES['steady'].users} total users)" in done.stdout + done.stderr


def test_load_without_a_service_says_how_to_start_one(tmp_path: Path) -> None:
    done = _load(f"http://127.0.0.1:{free_port()}", tmp_path)
    assert done.returncode == 69
    assert "nothing answers at" in done.stderr
    assert "make run" in done.stderr
    assert list(tmp_path.iterdir()) == []
