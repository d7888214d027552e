from cluster import run
from figures import Figures
from release import NAME, Release

FIRST_FORECAST_SECONDS = 240


def test_install_gives_a_forecast_in_time(release: Release, figures: Figures) -> None:
    answer = release.ask("/v1/forecasts/BTC-USD")
    figures.note("1 install", first_forecast_after_seconds=round(release.ready_seconds))
    assert len(answer["steps"]) == 24
    assert release.ready_seconds < FIRST_FORECAST_SECONDS


def test_helm_test_asks_over_rest_and_grpc(release: Release) -> None:
    said = release.namespace.helm("test", NAME, "--logs", "--timeout", "180s")
    assert "Succeeded" in said


def test_install_restarts_no_container(release: Release, figures: Figures) -> None:
    figures.note("1 install", restarts=release.restarts())
    assert release.restarts() == 0


def test_namespace_enforces_the_restricted_profile(release: Release) -> None:
    labels = run("kubectl", "get", "namespace", release.namespace.name, "--show-labels")
    assert "enforce=restricted" in labels
