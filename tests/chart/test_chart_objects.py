"""What single objects must say."""

import json

import pytest
import yaml

from tests.chart.conftest import NAMESPACE, RELEASE, needs_helm
from tidecast.settings import Settings

pytestmark = needs_helm

LONG = "an-unusually-long-release-name-as-allowed-by-helm-53x"
LIMITS = {"CronJob": 52, "StatefulSet": 52}


def _settings(rendered) -> dict:
    return yaml.safe_load(rendered.one("ConfigMap", "-config")["data"]["config.yaml"])


def test_settings_are_those_of_the_product(profile):
    settings = Settings(**_settings(profile))
    assert len(settings.markets) == profile.one("Job", "-begin-1")["spec"]["completions"]


@pytest.mark.parametrize("key", ["markets", "database_url", "service.port", "service.grpc_port"])
def test_settings_that_the_chart_makes_are_refused_in_config(key):
    from tests.chart.conftest import template

    done = template("--set", f"config.{key}=1")
    assert done.returncode != 0
    assert f"config.{key}: the chart sets it" in done.stderr


def test_default_markets_are_those_of_the_product(render):
    asked = Settings(**_settings(render())).markets
    assert asked == Settings.model_fields["markets"].default


def test_grpc_off_is_off_everywhere(render):
    rendered = render("grpc-off")
    assert Settings(**_settings(rendered)).service.grpc_port is None
    assert "50051" not in yaml.dump_all(
        [one for one in rendered.objects if one["kind"] in ("Deployment", "Service")]
    )


@pytest.mark.parametrize("name", ["default", "grpc-off"])
def test_allowed_origins_reach_the_settings(render, name):
    origins = ["https://a.example.com", "http://localhost:8080"]
    word = f"config.service.cors_allowed_origins={json.dumps(origins)}"
    settings = Settings(**_settings(render(name, "--set-json", word)))
    assert list(settings.service.cors_allowed_origins) == origins


@pytest.mark.parametrize("name", ["trial", "grpc-off"])
def test_names_of_a_long_release_fit(render, name):
    rendered = render(name, release=LONG)
    for one in rendered.objects:
        assert len(one["metadata"]["name"]) <= LIMITS.get(one["kind"], 63)
        for value in one["metadata"].get("labels", {}).values():
            assert len(value) <= 63


def test_objects_are_in_the_namespace_of_the_release(profile):
    everywhere = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    for one in profile.objects:
        assert one["kind"] in everywhere or one["metadata"]["namespace"] == NAMESPACE


def test_monitor_may_do_what_it_must_and_nothing_else(profile):
    (role,) = profile.of("Role")
    assert role["rules"] == [
        {
            "apiGroups": ["batch"],
            "resources": ["cronjobs"],
            "resourceNames": [f"{RELEASE}-training"],
            "verbs": ["get"],
        },
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [f"{RELEASE}-monitor"],
            "verbs": ["get", "update"],
        },
    ]
    assert not profile.of("ClusterRole")


@pytest.mark.parametrize(("name", "account"), [("default", "server"), ("grpc-off", "monitoring")])
def test_monitor_role_is_bound_to_the_account_it_runs_under(render, name, account):
    rendered = render(name)
    (binding,) = rendered.of("RoleBinding")
    assert [one["name"] for one in binding["subjects"]] == [f"{RELEASE}-{account}"]
    (pod,) = (
        pod
        for _, _, pod in rendered.pod_specs()
        if "monitor" in [c["name"] for c in [*pod.get("initContainers", []), *pod["containers"]]]
    )
    assert pod["serviceAccountName"] == f"{RELEASE}-{account}"


def test_monitor_is_a_native_sidecar_without_probes(render):
    pod = render().one("Deployment", "-server")["spec"]["template"]["spec"]
    (monitor,) = (one for one in pod["initContainers"] if one["name"] == "monitor")
    assert monitor["restartPolicy"] == "Always"
    assert not {"readinessProbe", "startupProbe", "livenessProbe"} & set(monitor)


def test_server_ends_after_its_sleep_and_drain(profile):
    pod = profile.one("Deployment", "-server")["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    sleep = server["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = Settings(**_settings(profile)).service.drain_seconds
    assert sleep + drain < pod["terminationGracePeriodSeconds"]


def test_autoscaler_owns_the_replicas(profile):
    deployment = profile.one("Deployment", "-server")["spec"]
    assert ("replicas" in deployment) != bool(profile.of("HorizontalPodAutoscaler"))


def test_autoscaler_looks_at_the_server_alone(render):
    (hpa,) = render().of("HorizontalPodAutoscaler")
    (metric,) = hpa["spec"]["metrics"]
    assert metric["containerResource"]["container"] == "server"


def test_autoscaler_can_use_requests_in_flight(render):
    (hpa,) = render("external-everything").of("HorizontalPodAutoscaler")
    (metric,) = hpa["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "tidecast_inflight_requests"
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "8"}


def test_disruption_budget_needs_more_than_one_server(render):
    assert render("default").of("PodDisruptionBudget")
    assert not render("no-hpa").of("PodDisruptionBudget")


def test_training_template_is_suspended_unless_scheduled(render):
    assert render().one("CronJob", "-training")["spec"]["suspend"] is True
    assert render("production").one("CronJob", "-training")["spec"]["suspend"] is False


def test_jobs_are_bounded_and_read_exit_codes(profile):
    jobs = [one["spec"]["jobTemplate"]["spec"] for one in profile.of("CronJob")]
    for job in [*jobs, *(one["spec"] for one in profile.of("Job"))]:
        assert job["activeDeadlineSeconds"] and job["ttlSecondsAfterFinished"]
        ignored, fatal = job["podFailurePolicy"]["rules"]
        assert ignored["action"] == "Ignore"
        assert set(fatal["onExitCodes"]["values"]) >= {64, 65}
        containers = [one["name"] for one in job["template"]["spec"]["containers"]]
        assert containers == [fatal["onExitCodes"]["containerName"]]
        assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_ingestion_runs_alone_two_minutes_after_the_hour(render):
    spec = render().one("CronJob", "-ingestion")["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("2 * * * *", "Etc/UTC")
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] >= 10


def test_changed_settings_restart_the_servers(render):
    def checksum(rendered) -> str:
        template = rendered.one("Deployment", "-server")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    assert checksum(render()) != checksum(render("default", "--set", "config.horizon=12"))


def test_network_policies_name_components_that_exist(profile):
    there = {metadata["labels"].get("app.kubernetes.io/component") for _, metadata, _ in
             profile.pod_specs()}  # fmt: skip
    for policy in profile.of("NetworkPolicy"):
        chosen = policy["spec"]["podSelector"].get("matchLabels", {})
        assert chosen.get("app.kubernetes.io/component") in {None, *there}


def test_every_pod_is_denied_by_default(profile):
    policies = profile.of("NetworkPolicy")
    if not policies:
        return
    (deny,) = (one for one in policies if one["metadata"]["name"].endswith("-deny"))
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny["spec"]
    chosen = deny["spec"]["podSelector"]["matchLabels"]
    for name, metadata, _ in profile.pod_specs():
        assert chosen.items() <= metadata["labels"].items(), name


def test_services_choose_pods_of_one_component(profile):
    for service in profile.of("Service"):
        selector = service["spec"]["selector"]
        chosen = [
            {port["name"] for one in pod["containers"] + pod.get("initContainers", [])
             for port in one.get("ports", [])}
            for _, metadata, pod in profile.pod_specs()
            if selector.items() <= metadata["labels"].items()
        ]  # fmt: skip
        (ports,) = chosen
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_admission_policy_pins_image_and_account(render):
    rendered = render("production")
    (policy,) = rendered.of("ValidatingAdmissionPolicy")
    rules = " ".join(one["expression"] for one in policy["spec"]["validations"])
    trainer = rendered.one("CronJob", "-training")["spec"]["jobTemplate"]["spec"]["template"]
    assert trainer["spec"]["containers"][0]["image"] in rules
    assert f'"{trainer["spec"]["serviceAccountName"]}"' in rules


def test_external_database_is_needed_without_the_bundled_one():
    from tests.chart.conftest import template

    done = template("--set", "database.bundled.enabled=false")
    assert done.returncode != 0
    assert "database.external" in done.stderr
