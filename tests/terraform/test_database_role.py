"""The PostgreSQL part of prepare_namespace.py, on a real server where there is one."""

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from test_prepare_namespace import MASTER_PASSWORD, SETUP, Commands

# What comes after `--` runs here instead of in a pod, and has no terminal there either.
RUN_HERE = """#!{python}
import os, subprocess, sys
if "run" not in sys.argv:
    sys.exit(subprocess.run([sys.argv[0] + "-asked", *sys.argv[1:]]).returncode)
command = sys.argv[sys.argv.index("--") + 1:]
environment = {{"PATH": {path!r}}}
sys.exit(subprocess.run(command, env=environment, start_new_session=True).returncode)
"""

SET_UP = f"""
CREATE ROLE tidecast_admin LOGIN CREATEROLE CREATEDB PASSWORD '{MASTER_PASSWORD}';
CREATE DATABASE tidecast OWNER tidecast_admin;
ALTER SYSTEM SET log_statement = 'ddl';
SELECT pg_reload_conf();
"""


def find_server() -> Path | None:
    on_path = [Path(found).parent for found in [shutil.which("initdb")] if found]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = [(one / "initdb").resolve().parent for one in (*on_path, *debian)]
    return next(
        (one for one in found if (one / "initdb").exists() and (one / "psql").exists()), None
    )


@pytest.fixture
def server() -> Iterator[Path]:
    """Folder with the socket of a server that has the master user of RDS: no superuser."""
    binaries = find_server()
    if binaries is None:
        pytest.skip(
            "no PostgreSQL: initdb and psql are neither in PATH nor in /usr/lib/postgresql/*/bin"
        )
    folder = Path(mkdtemp(prefix="tidecast-role-"))
    user = "postgres" if os.getuid() == 0 else None  # initdb refuses root.
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def run(name: str, *arguments: str, stdin: str = "") -> None:
        command = [str(binaries / name), *arguments]
        subprocess.run(command, user=user, cwd=folder, input=stdin, text=True, check=True)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "owner", "--auth-local=trust", "--no-sync")
    options = f"-k {folder} -c listen_addresses= -F"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        run("psql", "-h", str(folder), "-U", "owner", "postgres", stdin=SET_UP)
        access = "local all owner trust\nlocal all all scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(access)
        run("pg_ctl", "-D", data, "reload")
        yield folder
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def commands(tmp_path: Path, server: Path) -> Commands:
    made = Commands(tmp_path)
    setup = json.dumps({**SETUP, "database_host": str(server)})
    made.answers["terraform output"] = (0, setup, "")
    (tmp_path / "kubectl").rename(tmp_path / "kubectl-asked")
    path = f"{find_server()}:/usr/bin:/bin"
    (tmp_path / "kubectl").write_text(RUN_HERE.format(python=sys.executable, path=path))
    (tmp_path / "kubectl").chmod(0o755)
    return made


def ask(server: Path, password: str, query: str) -> str:
    """Answer to Tidecast's own role."""
    done = subprocess.run(
        [str(find_server()) + "/psql", "-h", str(server), "-U", "tidecast", "-Atc", query],
        env={"PGPASSWORD": password},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or done.stderr


def test_role_owns_its_database_and_can_make_tables(commands: Commands, server: Path) -> None:
    done = commands.run()

    assert done.returncode == 0, done.stderr
    password = commands.applied()["Secret/tidecast-database"]["stringData"]["password"]
    ask(server, password, "CREATE TABLE public.candle (id integer)")
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'candle'"
    assert ask(server, password, owner) == "tidecast"


def test_rotation_replaces_the_password(commands: Commands, server: Path) -> None:
    commands.run()
    old = commands.applied()["Secret/tidecast-database"]["stringData"]["password"]

    done = commands.run("--rotate")

    assert done.returncode == 0, done.stderr
    new = commands.applied()["Secret/tidecast-database"]["stringData"]["password"]
    assert ask(server, new, "SELECT 1") == "1"
    assert "password authentication failed" in ask(server, old, "SELECT 1")


def test_password_is_not_in_the_log_of_the_server(commands: Commands, server: Path) -> None:
    commands.run()

    password = commands.applied()["Secret/tidecast-database"]["stringData"]["password"]
    log = (server / "log").read_text()
    assert "SCRAM-SHA-256" in log and password not in log
