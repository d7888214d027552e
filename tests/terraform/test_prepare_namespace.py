"""The script that prepares the namespace, with stand-ins for the commands it runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from terraform_cli import CONFIGURATION

SCRIPT = CONFIGURATION / "prepare_namespace.py"
MASTER_PASSWORD = "of-the-master"

SETUP = {
    "region": "eu-west-1",
    "namespace": "tidecast",
    "deployers_group": "tidecast-deployers",
    "database_host": "db.example.com",
    "database_port": 5432,
    "database_name": "tidecast",
    "database_secret": "tidecast-database",
    "master_secret_arn": "arn:master",
    "exchange_keys_arn": "arn:keys",
    "exchange_keys_secret": "tidecast-exchange-keys",
}

STAND_IN = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path(__file__).parent
called = {{"command": sys.argv, "stdin": sys.stdin.read()}}
with (folder / "calls").open("a") as log:
    log.write(json.dumps(called) + "\\n")
for words, (code, out, err) in json.loads((folder / "answers").read_text()).items():
    if words in " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]):
        sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(code)
"""

Answers = dict[str, tuple[int, str, str]]


class Commands:
    """Stand-ins for terraform, aws and kubectl, and what they were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        master = json.dumps({"username": "tidecast_admin", "password": MASTER_PASSWORD})
        self.answers: Answers = {
            "terraform output": (0, json.dumps(SETUP), ""),
            "--secret-id arn:master": (0, master, ""),
            "--secret-id arn:keys": (254, "", "ResourceNotFoundException: no value"),
        }
        for name in ("terraform", "aws", "kubectl"):
            (folder / name).write_text(STAND_IN.format(python=sys.executable))
            (folder / name).chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "answers").write_text(json.dumps(self.answers))
        return subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            env={"PATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    def applied(self) -> dict[str, Any]:
        """What kubectl was given, by kind and name."""
        given = [one["stdin"] for one in self.calls() if "apply" in one["command"]]
        items = [item for text in given for item in json.loads(text)["items"]]
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in items}

    def database_call(self) -> dict[str, Any] | None:
        return next((one for one in self.calls() if "run" in one["command"]), None)


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_namespace_is_restricted_and_ci_may_deploy(commands: Commands) -> None:
    assert commands.run().returncode == 0

    applied = commands.applied()
    labels = applied["Namespace/tidecast"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    binding = applied["RoleBinding/tidecast-deployers"]
    assert binding["roleRef"]["name"] == "admin" and binding["metadata"]["namespace"] == "tidecast"


def test_database_and_cluster_get_the_same_password(commands: Commands) -> None:
    commands.run()

    asked = commands.database_call()
    assert asked
    master, first, second = asked["stdin"].splitlines()
    secret = commands.applied()["Secret/tidecast-database"]["stringData"]
    assert master == MASTER_PASSWORD
    assert secret == {"username": "tidecast", "password": first} and first == second
    assert len(first) >= 32


def test_passwords_are_never_arguments(commands: Commands) -> None:
    done = commands.run()

    asked = commands.database_call()
    assert asked
    said = json.dumps([one["command"] for one in commands.calls()]) + done.stdout + done.stderr
    assert not any(password in said for password in asked["stdin"].splitlines())


def test_repetition_keeps_the_password(commands: Commands) -> None:
    commands.answers["get secret tidecast-database"] = (0, "secret/tidecast-database\n", "")

    commands.run()

    assert commands.database_call() is None
    assert "Secret/tidecast-database" not in commands.applied()


def test_rotation_makes_a_new_password(commands: Commands) -> None:
    commands.answers["get secret tidecast-database"] = (0, "secret/tidecast-database\n", "")

    commands.run("--rotate")

    assert "Secret/tidecast-database" in commands.applied()


def test_exchange_keys_are_copied(commands: Commands) -> None:
    keys = {"TIDECAST_INGESTION__COINCAP_API_KEY": "abc"}
    commands.answers["--secret-id arn:keys"] = (0, json.dumps(keys), "")

    commands.run()

    assert commands.applied()["Secret/tidecast-exchange-keys"]["stringData"] == keys


def test_unknown_exchange_key_is_named(commands: Commands) -> None:
    commands.answers["--secret-id arn:keys"] = (0, json.dumps({"coincap": "abc"}), "")

    done = commands.run()

    assert done.returncode == 1
    assert "holds coincap; write settings such as TIDECAST_INGESTION__" in done.stderr


def test_failed_database_leaves_no_secret(commands: Commands) -> None:
    commands.answers["kubectl run"] = (1, "", "timed out")

    done = commands.run()

    assert done.returncode == 1 and "kubectl run tidecast-database-setup failed" in done.stderr
    assert "Secret/tidecast-database" not in commands.applied()


def test_missing_command_is_named(commands: Commands) -> None:
    (commands.folder / "terraform").unlink()

    assert "terraform is not installed" in commands.run().stderr
