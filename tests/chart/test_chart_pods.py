"""Every pod may run in a namespace that enforces the `restricted` profile, and is bounded."""

import pytest

from tests.chart.conftest import needs_helm

pytestmark = needs_helm

DATABASE_USER = 999


def test_pods_run_without_root(profile):
    for name, _, pod in profile.pod_specs():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] in (10001, DATABASE_USER), name
        assert security["runAsGroup"] == security["fsGroup"] == security["runAsUser"], name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name


def test_containers_drop_every_privilege(profile):
    for name, container in profile.containers():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name


def test_containers_have_requests_and_limits(profile):
    for name, container in profile.containers():
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}, name


def test_pods_mount_no_token_but_that_of_the_monitor(profile):
    for name, _, pod in profile.pod_specs():
        assert pod["automountServiceAccountToken"] is False, name
        tokens = {volume["name"] for volume in pod["volumes"] if "projected" in volume}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert not mounted & tokens or container["name"] == "monitor", name


def test_pods_see_no_service_variables(profile):
    """A Service called tidecast-server would put TIDECAST_SERVER_PORT among the settings."""
    for name, _, pod in profile.pod_specs():
        assert pod["enableServiceLinks"] is False, name


def test_pods_use_volumes_of_the_restricted_profile_with_a_limit(profile):
    for name, _, pod in profile.pod_specs():
        for volume in pod["volumes"]:
            (kind,) = set(volume) - {"name"}
            assert kind in ("configMap", "emptyDir", "projected", "secret"), name
            assert kind != "emptyDir" or volume["emptyDir"]["sizeLimit"], name


def test_containers_have_a_tmp_of_their_own(profile):
    for _, _, pod in profile.pod_specs():
        mounted = [
            mount["name"]
            for container in [*pod.get("initContainers", []), *pod["containers"]]
            for mount in container["volumeMounts"]
            if mount["mountPath"] == "/tmp"
        ]
        containers = len(pod["containers"]) + len(pod.get("initContainers", []))
        assert len(mounted) == len(set(mounted)) == containers


def test_pods_have_a_service_account_of_the_release(profile):
    accounts = {one["metadata"]["name"] for one in profile.of("ServiceAccount")}
    for name, _, pod in profile.pod_specs():
        assert pod["serviceAccountName"] in accounts, name


def test_pods_are_not_restarted_by_a_new_chart_version(profile):
    for name, metadata, _ in profile.pod_specs():
        if not name.startswith("Pod/"):
            labels = metadata["labels"]
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels), name


def test_secrets_are_named_and_never_written(profile):
    kept = {one["metadata"]["name"] for one in profile.of("Secret")}
    assert kept <= {"tidecast-postgresql"}
    for name, container in profile.containers():
        for variable in container.get("env", []):
            secret = "PASSWORD" in variable["name"] or "TOKEN" in variable["name"]
            assert not secret or "secretKeyRef" in variable["valueFrom"], name


@pytest.mark.parametrize("profile_name", ["trial", "production"])
def test_images_are_of_the_release(render, profile_name):
    rendered = render(profile_name)
    bundled = "docker.io/library/postgres:15"
    images = {container["image"] for _, container in rendered.containers()} - {bundled}
    assert len(images) == 1


def test_image_digest_goes_before_the_tag(render):
    digest = f"sha256:{64 * 'a'}"
    rendered = render("default", "--set", f"image.registry=r.example,image.digest={digest}")
    images = {container["image"] for _, container in rendered.containers()}
    assert f"r.example/tidecast@{digest}" in images
