#!/usr/bin/env python3
"""Prepares the namespace of a new cluster for the chart; safe to repeat.

Makes the namespace, lets CI deploy into it, gives Tidecast a PostgreSQL role of its own, and
copies the exchanges' keys. Needs terraform, aws and kubectl, each set up for the installation,
and Python 3.11.

The password of RDS's master user changes every week, so nothing but this script uses it.
Tidecast's own password is made here and is kept in the Kubernetes Secret only; `--rotate` makes a
new one. No secret is ever an argument of a command, where others could read it.
"""

import argparse
import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROLE = "tidecast"
PSQL_IMAGE = "public.ecr.aws/docker/library/postgres:17"

CREATE_ROLE = (
    f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}')"
    f" THEN CREATE ROLE {ROLE} LOGIN; END IF; END $$"
)
# PostgreSQL 16 and newer let only a member of a role hand a database over to it.
HAND_OVER = f'GRANT {ROLE} TO CURRENT_USER; ALTER DATABASE "{{database}}" OWNER TO {ROLE}'

PASSWORD_BYTES = 32


class Failed(Exception):
    """A command failed; the message is what it said."""


def main(arguments: list[str] | None = None) -> int:
    """Prepare the namespace; returns the exit code."""
    parser = argparse.ArgumentParser("prepare_namespace.py", description=__doc__)
    parser.add_argument("--rotate", action="store_true", help="make a new database password")
    rotate = parser.parse_args(arguments).rotate
    try:
        prepare(json.loads(run("terraform", "output", "-json", "namespace_setup")), rotate)
    except Failed as e:
        print(f"prepare_namespace.py: {e}", file=sys.stderr)
        return 1
    return 0


def prepare(setup: dict[str, Any], rotate: bool) -> None:
    """Do all of it, printing a line a step."""
    namespace = setup["namespace"]
    apply(namespace_manifest(namespace), deployers_manifest(namespace, setup["deployers_group"]))
    print(f"namespace {namespace}: there")
    if rotate or not exists(namespace, setup["database_secret"]):
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        set_database_password(setup, password)
        content = {"username": ROLE, "password": password}
        apply(secret_manifest(namespace, setup["database_secret"], content))
        print(f"database role {ROLE}: has a new password; pods take it when they start")
    else:
        print(f"database role {ROLE}: there; --rotate makes a new password")
    keys = exchange_keys(setup)
    apply(secret_manifest(namespace, setup["exchange_keys_secret"], keys))
    print(f"exchange keys: {', '.join(sorted(keys)) or 'none, keyless sources only'}")


def set_database_password(setup: dict[str, Any], password: str) -> None:
    """Make the role if it is missing, give it the password, and hand the database to it.

    psql hashes the password before it sends it, so the server's log never holds it.
    """
    master = json.loads(secret_value(setup["region"], setup["master_secret_arn"]))
    address = (
        f"host={setup['database_host']} port={setup['database_port']} user={master['username']}"
        f" dbname={setup['database_name']} sslmode=require"
    )
    psql = ["psql", address, "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    for step in (
        CREATE_ROLE,
        rf"\password {ROLE}",
        HAND_OVER.format(database=setup["database_name"]),
    ):
        psql += ["--command", step]
    # The first line that arrives is for the connection, the next two answer \password.
    script = 'read -r PGPASSWORD && export PGPASSWORD && exec "$@"'
    pod = ["kubectl", "run", f"{ROLE}-database-setup", "--namespace=default", "--rm", "--stdin"]
    run(
        *(*pod, "--quiet", "--restart=Never", f"--image={PSQL_IMAGE}"),
        *("--command", "--", "sh", "-c", script, "sh", *psql),
        stdin="\n".join([master["password"], password, password, ""]),
    )


def exchange_keys(setup: dict[str, Any]) -> dict[str, str]:
    """Keys by their setting; empty when nobody has stored any."""
    try:
        stored = json.loads(secret_value(setup["region"], setup["exchange_keys_arn"]))
    except Failed as e:
        if "ResourceNotFoundException" not in str(e):
            raise
        return {}
    wrong = [name for name in stored if not name.startswith("TIDECAST_INGESTION__")]
    if wrong:
        raise Failed(
            f"the secret {setup['exchange_keys_arn']} holds {', '.join(wrong)}; write settings such"
            " as TIDECAST_INGESTION__CRYPTOCOMPARE_API_KEY"
        )
    return {name: str(value) for name, value in stored.items()}


def secret_value(region: str, arn: str) -> str:
    """Text of a secret in Secrets Manager."""
    read = ["aws", "secretsmanager", "get-secret-value", "--region", region, "--secret-id", arn]
    return run(*read, "--query", "SecretString", "--output", "text")


def exists(namespace: str, secret: str) -> bool:
    """Whether a Kubernetes Secret is there."""
    look = ["kubectl", "get", "secret", secret, "--namespace", namespace]
    return bool(run(*look, "--ignore-not-found", "--output=name").strip())


def apply(*manifests: dict[str, Any]) -> None:
    """Apply manifests; server-side, so that no copy of a secret is kept in an annotation."""
    everything = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    run(
        *("kubectl", "apply", "--server-side", "--force-conflicts", "--filename=-"),
        stdin=json.dumps(everything),
    )


def namespace_manifest(namespace: str) -> dict[str, Any]:
    """The namespace, with the strictest Pod Security."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def deployers_manifest(namespace: str, group: str) -> dict[str, Any]:
    """What lets the group run `helm upgrade` in the namespace and nowhere else."""
    api = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{api}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": group, "namespace": namespace},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"apiGroup": api, "kind": "Group", "name": group}],
    }


def secret_manifest(namespace: str, name: str, content: dict[str, str]) -> dict[str, Any]:
    """A Kubernetes Secret."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content}


def run(*command: str, stdin: str = "") -> str:
    """Output of a command.

    Raises:
        Failed: it is missing or failed.
    """
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=HERE, input=stdin, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not installed") from None
    if done.returncode:
        raise Failed(f"{' '.join(command[:3])} failed: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
