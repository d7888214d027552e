"""Servers that go and die while a client asks twenty times a second over each protocol."""

import time

from cluster import until
from figures import Figures
from release import NAME, Release
from steady_client import SteadyClient, failures
from steady_client import figures as counted

FIRST_KILLED = """
import os, pathlib, signal, time
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    has_threads = len(list((folder / "task").iterdir())) > 1  # who keeps its memory has none
    if has_threads and b"service.worker" in (folder / "cmdline").read_bytes():
        time.sleep(2)  # starting this has kept the server from its work
        os.kill(int(folder.name), signal.SIGKILL)
        break
else:
    raise SystemExit("no worker was found")
"""
AFTERWARDS_SECONDS = 5


def _judge(client: SteadyClient, figures: Figures, what: str, since: float) -> None:
    """No request may have failed."""
    seconds = round(time.monotonic() - since)
    time.sleep(AFTERWARDS_SECONDS)
    seen = client.stop()
    figures.note(f"5 {what}", over_after_seconds=seconds, **counted(seen))
    assert failures(seen) == {}


def test_rolling_update_fails_no_request(
    release: Release, client: SteadyClient, figures: Figures
) -> None:
    since, before = time.monotonic(), {pod["metadata"]["uid"] for pod in release.servers()}
    release.namespace.kubectl("rollout", "restart", f"deployment/{NAME}-server")
    release.rolled_out()
    _wait_for_two(release)
    assert not before & {pod["metadata"]["uid"] for pod in release.servers()}
    _judge(client, figures, "rolling update", since)


def test_deleted_server_fails_no_request(
    release: Release, client: SteadyClient, figures: Figures
) -> None:
    since, pod = time.monotonic(), release.ready_servers()[0]["metadata"]["name"]
    release.namespace.kubectl("delete", "pod", pod, "--wait=true")
    _wait_for_two(release)
    _judge(client, figures, "deleted server", since)


def test_killed_worker_fails_no_request(
    release: Release, client: SteadyClient, figures: Figures
) -> None:
    since, pod = time.monotonic(), release.ready_servers()[0]["metadata"]["name"]
    restarts = release.restarts()
    release.namespace.execute(pod, "server", "python", "-c", FIRST_KILLED)
    until("the restart", lambda: release.restarts() == restarts + 1, 60)
    _wait_for_two(release)
    _judge(client, figures, "worker killed with -9", since)


def test_deleted_lease_holder_fails_no_request_and_another_decides(
    release: Release, client: SteadyClient, figures: Figures
) -> None:
    since, holder = time.monotonic(), release.lease_holder()
    release.namespace.kubectl("delete", "pod", holder, "--wait=false")
    until("another holder", lambda: release.lease_holder() not in ("", holder), 90, pause=0.5)
    figures.note(
        "5 deleted holder of the Lease", next_after_seconds=round(time.monotonic() - since)
    )
    until("the pod gone", lambda: holder not in release.pod_names(), 90)
    _wait_for_two(release)
    _judge(client, figures, "deleted holder of the Lease", since)


def _wait_for_two(release: Release) -> None:
    until("two ready servers", lambda: len(release.ready_servers()) == 2, 240)
