import time

from cluster import until
from figures import Figures
from release import MARKET, Release
from steady_client import SteadyClient, failures
from steady_client import figures as counted

LOOP_SECONDS = 600
THREE_SERVERS = ("--set", "autoscaling.minReplicas=3,autoscaling.maxReplicas=3")
QUIET_SECONDS = 30
"""Within the cool-down, in which no further Job may come."""


def test_broken_champion_is_replaced_once_and_without_a_failed_request(
    release: Release, client: SteadyClient, figures: Figures
) -> None:
    release.upgrade(*THREE_SERVERS)
    until("three servers", lambda: len(release.ready_servers()) == 3, 300)
    restarts = release.restarts()
    (first,) = release.serving()
    jobs_before = {job["metadata"]["name"] for job in release.retrainings()}
    release.tidecast("promote", MARKET, "--force", "--broken", seconds=180)
    until("the broken champion everywhere", lambda: release.serving() - {first}, 120)
    started = time.monotonic()
    (broken,) = until("one version", lambda: _only(release.serving() - {first}), 60)

    def made() -> set[str]:
        return {job["metadata"]["name"] for job in release.retrainings()} - jobs_before

    until("a retraining Job", made, LOOP_SECONDS)
    noticed = time.monotonic() - started
    (better,) = until(
        "a better champion everywhere",
        lambda: (
            _only(release.serving() - {first, broken})
            if not (release.serving() & {first, broken})
            else None
        ),
        LOOP_SECONDS,
    )
    healed = time.monotonic() - started
    ratio = until("the error below the threshold", lambda: _good_ratio(release, better), 300)
    time.sleep(QUIET_SECONDS)
    seen = client.stop()
    figures.note(
        "3 closed loop",
        noticed_after_seconds=round(noticed),
        all_replicas_healed_after_seconds=round(healed),
        crps_ratio_afterwards=ratio,
        jobs=len(made()),
        restarts=release.restarts() - restarts,
        **counted(seen),
    )
    assert failures(seen) == {}
    assert len(made()) == 1
    assert release.restarts() == restarts
    assert {first, broken, better} <= set(seen["rest"]["versions"])


def _only(versions: set[str]) -> set[str] | None:
    return versions if len(versions) == 1 else None


def _good_ratio(release: Release, version: str) -> float | None:
    """Error of a version over that of the random walk, once no retraining of it is wanted."""
    figures = release.status()["monitor"]["figures"]
    if figures["model_version"] != version or figures["wanted"]:
        return None
    ratio: float | None = figures["crps_ratio"]
    return ratio
