"""What stands in the account after the production example was applied, asked by boto3."""

import json
from collections.abc import Callable
from typing import Any

from conftest import ACCOUNT, NAME, REGION, STATE_BUCKET
from terraform_cli import Workspace

Client = Callable[[str], Any]

BUCKET = f"{NAME}-artifacts-{ACCOUNT}-{REGION}"
DEPLOY_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{NAME}-deploy"


def test_second_plan_is_empty(platform: Workspace) -> None:
    assert platform.changes() == []


def test_state_is_in_the_bucket_and_unlocked(platform: Workspace, client: Client) -> None:
    kept = client("s3").list_objects_v2(Bucket=STATE_BUCKET)["Contents"]

    assert [one["Key"] for one in kept] == ["tidecast/terraform.tfstate"]


def test_everything_that_can_have_tags_has_ours(platform: Workspace) -> None:
    root = json.loads(platform.run("show", "-json").stdout)["values"]["root_module"]
    taggable = [
        one for one in root["resources"] if one["mode"] == "managed" and "tags_all" in one["values"]
    ]
    assert len(taggable) > 50
    untagged = [
        one["address"]
        for one in taggable
        if (one["values"]["tags_all"] or {}).get("Project") != NAME
        or one["values"]["tags_all"].get("ManagedBy") != "terraform"
    ]
    assert untagged == []


def test_cluster_is_closed(platform: Workspace, client: Client) -> None:
    cluster = client("eks").describe_cluster(name=NAME)["cluster"]
    network = cluster["resourcesVpcConfig"]

    assert network["publicAccessCidrs"] == ["203.0.113.7/32"] and network["endpointPrivateAccess"]
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    assert cluster["encryptionConfig"][0]["resources"] == ["secrets"]
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}
    [logging] = [one for one in cluster["logging"]["clusterLogging"] if one["enabled"]]
    assert len(logging["types"]) == 5


def test_nodes_use_the_launch_template(platform: Workspace, client: Client) -> None:
    groups = client("eks").list_nodegroups(clusterName=NAME)["nodegroups"]
    group = client("eks").describe_nodegroup(clusterName=NAME, nodegroupName=groups[0])
    nodes = group["nodegroup"]
    versions = client("ec2").describe_launch_template_versions(
        LaunchTemplateId=nodes["launchTemplate"]["id"]
    )
    template = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]

    assert len(groups) == 1
    assert nodes["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 6}
    assert nodes["amiType"] == "AL2023_x86_64_STANDARD"
    assert template["MetadataOptions"]["HttpTokens"] == "required"
    assert template["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert template["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


def test_addons_are_there_and_have_their_roles(platform: Workspace, client: Client) -> None:
    eks = client("eks")
    bound = eks.list_pod_identity_associations(clusterName=NAME)["associations"]
    system = {one["serviceAccount"] for one in bound if one["namespace"] == "kube-system"}

    assert len(eks.list_addons(clusterName=NAME)["addons"]) == 7
    assert system == {"aws-node", "ebs-csi-controller-sa", "cloudwatch-agent"}


def test_each_process_has_a_role_of_its_own(platform: Workspace, client: Client) -> None:
    eks = client("eks")
    found = [
        eks.describe_pod_identity_association(clusterName=NAME, associationId=one["associationId"])[
            "association"
        ]
        for one in eks.list_pod_identity_associations(clusterName=NAME)["associations"]
    ]
    roles = {
        one["serviceAccount"]: one["roleArn"].rsplit("/", 1)[1]
        for one in found
        if one["namespace"] == "tidecast"
    }

    assert roles == {
        f"tidecast-{process}": f"{NAME}-{process}"
        for process in ("server", "training", "ingestion", "monitoring")
    }


def test_admins_have_the_cluster_and_ci_has_a_group(platform: Workspace, client: Client) -> None:
    eks = client("eks")
    admin = f"arn:aws:iam::{ACCOUNT}:role/platform"
    given = {
        principal: eks.list_associated_access_policies(clusterName=NAME, principalArn=principal)
        for principal in eks.list_access_entries(clusterName=NAME)["accessEntries"]
    }
    [policy] = given[admin]["associatedAccessPolicies"]
    entry = eks.describe_access_entry(clusterName=NAME, principalArn=DEPLOY_ROLE)["accessEntry"]

    assert set(given) == {admin, DEPLOY_ROLE}
    assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
    assert given[DEPLOY_ROLE]["associatedAccessPolicies"] == []
    assert entry["kubernetesGroups"] == ["tidecast-deployers"]


def test_network_has_three_zones_and_a_way_out_of_each(platform: Workspace, client: Client) -> None:
    ec2 = client("ec2")
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [NAME]}])["Vpcs"]
    here = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    subnets = ec2.describe_subnets(Filters=here)["Subnets"]
    gateways = ec2.describe_nat_gateways(Filters=here)["NatGateways"]
    [endpoint] = ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"]
    [closed] = ec2.describe_security_groups(
        Filters=[*here, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]

    assert len(subnets) == 6 and len({one["AvailabilityZone"] for one in subnets}) == 3
    assert not any(one["MapPublicIpOnLaunch"] for one in subnets)
    assert len({one["SubnetId"] for one in gateways}) == 3
    assert endpoint["VpcEndpointType"] == "Gateway" and len(endpoint["RouteTableIds"]) == 3
    assert closed["IpPermissions"] == [] and closed["IpPermissionsEgress"] == []
    assert len(ec2.describe_flow_logs()["FlowLogs"]) == 1


def test_database_is_private_and_kept(platform: Workspace, client: Client) -> None:
    [database] = client("rds").describe_db_instances()["DBInstances"]

    assert database["PubliclyAccessible"] is False and database["StorageEncrypted"] is True
    assert database["DeletionProtection"] is True and database["MultiAZ"] is True
    assert database["BackupRetentionPeriod"] == 7
    assert database["MasterUserSecret"]["SecretArn"]


def test_database_is_reached_from_the_nodes_only(platform: Workspace, client: Client) -> None:
    [database] = client("rds").describe_db_instances()["DBInstances"]
    [group] = [one["VpcSecurityGroupId"] for one in database["VpcSecurityGroups"]]
    rules = client("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group]}]
    )["SecurityGroupRules"]
    cluster = client("eks").describe_cluster(name=NAME)["cluster"]["resourcesVpcConfig"]
    [rule] = [one for one in rules if not one["IsEgress"]]

    assert rule["ReferencedGroupInfo"]["GroupId"] == cluster["clusterSecurityGroupId"]
    assert (rule["FromPort"], rule["ToPort"]) == (5432, 5432) and "CidrIpv4" not in rule
    assert [one for one in rules if one["IsEgress"]] == []


def test_bucket_is_private_versioned_and_encrypted(platform: Workspace, client: Client) -> None:
    s3 = client("s3")
    public = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    [statement] = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]

    assert all(public.values()) and len(public) == 4
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert statement["Effect"] == "Deny" and statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    [lifecycle] = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert lifecycle["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}


def test_images_are_scanned_and_never_replaced(platform: Workspace, client: Client) -> None:
    [repository] = client("ecr").describe_repositories()["repositories"]

    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"]["scanOnPush"] is True
    assert repository["encryptionConfiguration"]["encryptionType"] == "KMS"


def test_keys_rotate(platform: Workspace, client: Client) -> None:
    kms = client("kms")
    aliases = [f"alias/{NAME}-cluster", f"alias/{NAME}-data"]
    keys = {one["AliasName"]: one.get("TargetKeyId") for one in kms.list_aliases()["Aliases"]}

    for alias in aliases:
        assert kms.get_key_rotation_status(KeyId=keys[alias])["KeyRotationEnabled"] is True


def test_logs_end_and_are_encrypted(platform: Workspace, client: Client) -> None:
    groups = client("logs").describe_log_groups()["logGroups"]

    assert len(groups) == 8
    assert {one["retentionInDays"] for one in groups} == {30}
    assert all(one["kmsKeyId"] for one in groups)


def test_alarms_tell_the_topic(outputs: dict[str, Any], client: Client) -> None:
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    topic = outputs["alert_topic_arn"]
    subscribers = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert len(alarms) == 9
    assert all(one["AlarmActions"] == one["OKActions"] == [topic] for one in alarms)
    assert [(one["Protocol"], one["Endpoint"]) for one in subscribers] == [
        ("email", "oncall@example.com")
    ]


def test_dashboard_shows_the_alarms(platform: Workspace, client: Client) -> None:
    body = json.loads(client("cloudwatch").get_dashboard(DashboardName=NAME)["DashboardBody"])
    shown = body["widgets"][0]["properties"]["alarms"]

    assert len(shown) == 9 and all(arn.startswith("arn:aws:cloudwatch:") for arn in shown)


def test_alarms_count_lines_that_the_processes_write(platform: Workspace, client: Client) -> None:
    filters = client("logs").describe_metric_filters()["metricFilters"]
    patterns = {one["filterName"]: one["filterPattern"] for one in filters}

    assert '$.log_processed.event = "market_ingested"' in patterns[f"{NAME}-MarketsIngested"]
    assert '$.log_processed.level = "error"' in patterns[f"{NAME}-Errors"]


def test_budget_warns_three_times(platform: Workspace, client: Client) -> None:
    asked = {"AccountId": ACCOUNT, "BudgetName": f"{NAME}-monthly"}
    budget = client("budgets").describe_budget(**asked)["Budget"]
    notices = client("budgets").describe_notifications_for_budget(**asked)["Notifications"]

    assert budget["BudgetLimit"] == {"Amount": "700", "Unit": "USD"}
    assert sorted((one["NotificationType"], one["Threshold"]) for one in notices) == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]


def test_unusual_costs_are_told_to_the_topic(outputs: dict[str, Any], client: Client) -> None:
    costs = client("ce")
    [monitor] = costs.get_anomaly_monitors()["AnomalyMonitors"]
    [subscription] = costs.get_anomaly_subscriptions()["AnomalySubscriptions"]

    assert monitor["MonitorSpecification"]["Tags"]["Values"] == [NAME]
    assert subscription["MonitorArnList"] == [monitor["MonitorArn"]]
    [subscriber] = subscription["Subscribers"]
    assert subscriber["Address"] == outputs["alert_topic_arn"]


def test_plan_sees_what_somebody_changed_by_hand(platform: Workspace, client: Client) -> None:
    s3 = client("s3")
    policy = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    s3.delete_bucket_policy(Bucket=BUCKET)
    try:
        assert platform.changes() == ["aws_s3_bucket_policy.artifacts will be created"]
    finally:
        s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
