"""The way back to an empty account, as README.md leads."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from conftest import ACCOUNT, NAME, STATE_BUCKET
from terraform_cli import Workspace

Client = Callable[[str], Any]


def names_in(client: Client) -> dict[str, list[str]]:
    """What is left of what costs money or opens a door."""
    iam, ec2 = client("iam"), client("ec2")
    return {
        "buckets": [one["Name"] for one in client("s3").list_buckets()["Buckets"]],
        "clusters": client("eks").list_clusters()["clusters"],
        "databases": client("rds").describe_db_instances()["DBInstances"],
        "repositories": client("ecr").describe_repositories()["repositories"],
        "secrets": client("secretsmanager").list_secrets()["SecretList"],
        "topics": client("sns").list_topics()["Topics"],
        "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
        "log groups": client("logs").describe_log_groups()["logGroups"],
        "budgets": client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", []),
        "monitors": client("ce").get_anomaly_monitors()["AnomalyMonitors"],
        "roles": [
            one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"].startswith(NAME)
        ],
        "identity providers": iam.list_open_id_connect_providers()["OpenIDConnectProviderList"],
        "networks": ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [NAME]}])["Vpcs"],
        "gateways": [
            one for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted"
        ],
        "addresses": ec2.describe_addresses()["Addresses"],
        "keys": [
            key
            for key in (
                client("kms").describe_key(KeyId=one["KeyId"])["KeyMetadata"]
                for one in client("kms").list_keys()["Keys"]
            )
            if key["KeyState"] != "PendingDeletion" and key["KeyManager"] == "CUSTOMER"
        ],
    }


@pytest.mark.at_the_end
def test_protected_platform_cannot_be_destroyed(platform: Workspace) -> None:
    before = platform.resources()
    done = platform.run("destroy", "-auto-approve", "-refresh=false", check=False)

    assert done.returncode == 1
    assert "set it to false, run terraform apply, then destroy" in done.stdout + done.stderr
    assert platform.resources() == before
    # Terraform forgets the outputs before it begins; the next apply writes them again.
    assert platform.changes() == ["outputs"]


@pytest.mark.at_the_end
def test_destroy_leaves_nothing(platform: Workspace, client: Client) -> None:
    values = platform.folder / "terraform.tfvars"
    protected = values.read_text()
    values.write_text(re.sub(r"(deletion_protection += )true", r"\1false", protected))
    platform.run("apply", "-auto-approve", "-parallelism=30")
    platform.run("destroy", "-auto-approve", "-parallelism=30")

    left = {kind: things for kind, things in names_in(client).items() if things}
    assert left == {"buckets": [STATE_BUCKET]}
    assert platform.resources() == []
