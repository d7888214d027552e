"""The chart before this one, this one, and back; and what is left at the end."""

import time
from pathlib import Path

import pytest
from cluster import until
from figures import Figures
from release import NAME, Release
from steady_client import SteadyClient, failures
from steady_client import figures as counted

PREVIOUS = Path(__file__).parent / "previous" / "tidecast-0.1.0.tgz"
KINDS = (
    "all,configmaps,secrets,persistentvolumeclaims,serviceaccounts,roles,rolebindings,leases,"
    "networkpolicies,poddisruptionbudgets,horizontalpodautoscalers"
)
ALWAYS_THERE = {"configmap/kube-root-ca.crt", "serviceaccount/default"}


def _left(release: Release) -> set[str]:
    names = set(release.namespace.kubectl("get", KINDS, "-o", "name").split())
    return names - ALWAYS_THERE


def _uninstall(release: Release) -> tuple[set[str], list[str]]:
    """Uninstall; what is left when all that goes has gone, and the commands of the notes."""
    notes = release.namespace.helm("get", "notes", NAME)
    release.namespace.helm("uninstall", NAME, "--wait", "--timeout", "180s")
    until("the pods gone", lambda: not _running_pods(release), 120)
    lines = [line.strip() for line in notes.splitlines()]
    return _left(release), [
        line for line in lines if line.startswith("kubectl") and "delete" in line
    ]


def _running_pods(release: Release) -> list[str]:
    return [name for name in release.pod_names() if name != f"{NAME}-test"]


def test_uninstall_leaves_what_the_notes_say_and_their_commands_the_rest(
    release: Release, figures: Figures
) -> None:
    by_hand = ("service/e2e-load", "secret/tidecast-keys")
    release.namespace.kubectl("delete", *by_hand, "--ignore-not-found")
    left, commands = _uninstall(release)
    kinds = {name.partition("/")[0] for name in left}
    assert kinds <= {"pod", "persistentvolumeclaim", "secret"}, left
    for command in commands:
        release.namespace.kubectl(*command.split()[3:])
    until("nothing left", lambda: not _left(release), 60)
    figures.note("8 uninstall", left_behind=", ".join(sorted(left)), left_after_the_notes=0)


@pytest.fixture(scope="module")
def previous(release: Release) -> Release:
    """The chart before this one, with data."""
    release.namespace.helm("install", NAME, str(PREVIOUS), *release.values())
    until("servers of the chart before", lambda: len(release.ready_servers()) >= 2, 400)
    return release


def test_upgrade_from_the_previous_chart_keeps_data_and_fails_no_request(
    previous: Release, client: SteadyClient, figures: Figures
) -> None:
    before, version = previous.status(), _chart(previous)
    started = time.monotonic()
    previous.upgrade()
    previous.rolled_out()
    seconds = round(time.monotonic() - started)
    seen = client.stop()
    after = previous.status()
    figures.note(
        "8 upgrade", from_chart=version, to_chart=_chart(previous), seconds=seconds, **counted(seen)
    )
    assert _chart(previous) != version
    assert after["candles"] >= before["candles"]
    assert after["champion"] == before["champion"]
    assert failures(seen) == {}


def test_rollback_keeps_data_and_fails_no_request(
    previous: Release, client: SteadyClient, figures: Figures
) -> None:
    before, version = previous.status(), _chart(previous)
    started = time.monotonic()
    previous.namespace.helm("rollback", NAME, "--wait", "--timeout", "300s")
    previous.rolled_out()
    seconds = round(time.monotonic() - started)
    seen = client.stop()
    after = previous.status()
    figures.note("8 rollback", to_chart=_chart(previous), seconds=seconds, **counted(seen))
    assert _chart(previous) != version
    assert after["candles"] >= before["candles"]
    assert after["champion"] == before["champion"]
    assert failures(seen) == {}


def test_uninstall_after_a_rollback_leaves_no_more(previous: Release) -> None:
    left, _ = _uninstall(previous)
    assert {name.partition("/")[0] for name in left} <= {"pod", "persistentvolumeclaim", "secret"}


def _chart(release: Release) -> str:
    """Name and version of the chart that is installed."""
    labels = release.namespace.get("deployment", f"{NAME}-server")["metadata"]["labels"]
    return str(labels["helm.sh/chart"])
