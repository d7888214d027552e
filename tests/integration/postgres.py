"""A PostgreSQL server that the tests start."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from itertools import count
from pathlib import Path

import psycopg

START_TIMEOUT_SECONDS = 30


class PostgresServer:
    """A server of our own on a free loopback port, without fsync, run by an unprivileged user."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._user = _unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        if self._user is not None:
            os.chown(folder, self._user, -1)
        command = [binaries / "initdb", "-D", folder / "data", "-U", "tidecast", "-A", "trust"]
        subprocess.run(
            [*command, "--no-sync", "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=folder,
        )

    def start(self) -> None:
        options = ["-p", str(self.port), "-h", "127.0.0.1", "-k", "", "-F"]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self._folder,
            )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends the sessions and saves all, SIGQUIT drops everything."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_TIMEOUT_SECONDS)
            self._process = None

    def url(self, database: str, user: str = "tidecast") -> str:
        return f"postgresql://{user}:hidden@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """URL of a new, empty database."""
        name = f"test_{next(self._names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def create_narrow(self, connections: int) -> str:
        """URL of a new, empty database that lets its user have so many connections."""
        owner = f"narrow_{next(self._names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE ROLE "{owner}" LOGIN CONNECTION LIMIT {connections}')
            connection.execute(f'CREATE DATABASE "{owner}" OWNER "{owner}"')
        return self.url(owner, owner)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _unprivileged_user() -> int | None:
    """User to run the server as: initdb refuses root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def find_binaries() -> Path | None:
    on_path = [Path(found).parent for found in [shutil.which("initdb")] if found]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=str, reverse=True)
    for folder in (*on_path, *debian):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None
