"""What each role may do: its rendered policies are judged by moto's evaluator of IAM.

The evaluator knows actions, resources and conditions; parliament knows which actions AWS has and
what they can be limited to. Neither knows of key policies.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from conftest import ACCOUNT, NAME, REGION, client_of
from moto.iam.access_control import IAMPolicy, PermissionResult
from parliament import analyze_policy_string
from terraform_cli import Workspace

Client = Callable[[str], Any]
Statement = dict[str, Any]

BUCKET = f"arn:aws:s3:::{NAME}-artifacts-{ACCOUNT}-{REGION}"
OBJECT = f"{BUCKET}/mlflow/1/model"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}-alerts"
OTHER_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:other"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{NAME}"
CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{NAME}"

AUTHENTICATED = "0"
UNCHECKED = "1000000"
"""Requests that the imitation answers before it asks for rights."""


@pytest.fixture(scope="module")
def statements(platform: Workspace, client: Client) -> Callable[[str], list[Statement]]:
    iam = client("iam")

    def of_role(role: str) -> list[Statement]:
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
        ]
        return [one for document in documents for one in in_list(document["Statement"])]

    return of_role


def in_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(statement: Statement, action: str, resource: str, context: dict[str, str]) -> bool:
    """Whether a statement permits.

    Each is judged alone, since moto takes an unmet condition for a denial, and every condition gets
    a value, since moto takes a missing one for met; of operators it knows equality only.
    """
    assert statement["Effect"] == "Allow"
    conditions = statement.get("Condition", {})
    assert set(conditions) <= {"StringEquals"}
    context = {key: "" for key in conditions.get("StringEquals", {})} | context
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    judged = IAMPolicy({"policy_document": document}).is_action_permitted(
        action, resource, incoming_condition_values=context
    )
    return bool(judged == PermissionResult.PERMITTED)


MAY = [
    ("server", "s3:GetObject", OBJECT, True),
    ("server", "s3:ListBucket", BUCKET, True),
    ("server", "s3:PutObject", OBJECT, False),
    ("server", "s3:DeleteObject", OBJECT, False),
    ("server", "s3:PutBucketPolicy", BUCKET, False),
    ("server", "s3:GetObject", "arn:aws:s3:::other/model", False),
    ("server", "sns:Publish", TOPIC, True),
    ("server", "secretsmanager:GetSecretValue", "exchange-keys", False),
    ("training", "s3:GetObject", OBJECT, True),
    ("training", "s3:PutObject", OBJECT, True),
    ("training", "s3:DeleteObject", OBJECT, False),
    ("training", "s3:PutObject", "arn:aws:s3:::other/model", False),
    ("training", "sns:Publish", TOPIC, False),
    ("training", "secretsmanager:GetSecretValue", "exchange-keys", False),
    ("ingestion", "secretsmanager:GetSecretValue", "exchange-keys", True),
    ("ingestion", "secretsmanager:PutSecretValue", "exchange-keys", False),
    ("ingestion", "secretsmanager:GetSecretValue", "database", False),
    ("ingestion", "s3:GetObject", OBJECT, False),
    ("ingestion", "sns:Publish", TOPIC, False),
    ("monitoring", "sns:Publish", TOPIC, True),
    ("monitoring", "sns:Publish", OTHER_TOPIC, False),
    ("monitoring", "sns:Subscribe", TOPIC, False),
    ("monitoring", "s3:GetObject", OBJECT, True),
    ("monitoring", "s3:PutObject", OBJECT, False),
    ("deploy", "ecr:PutImage", REPOSITORY, True),
    ("deploy", "ecr:PutImage", f"{REPOSITORY}-other", False),
    ("deploy", "ecr:BatchDeleteImage", REPOSITORY, False),
    ("deploy", "ecr:GetAuthorizationToken", "*", True),
    ("deploy", "eks:DescribeCluster", CLUSTER, True),
    ("deploy", "eks:CreateAccessEntry", CLUSTER, False),
    ("deploy", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{NAME}-server", False),
    ("deploy", "s3:GetObject", OBJECT, False),
]


@pytest.mark.parametrize(
    ("process", "action", "resource", "expected"),
    MAY,
    ids=[f"{role}-{'may' if yes else 'not'}-{do}-{n}" for n, (role, do, _, yes) in enumerate(MAY)],
)
def test_role_may(
    statements: Callable[[str], list[Statement]],
    outputs: dict[str, Any],
    process: str,
    action: str,
    resource: str,
    expected: bool,
) -> None:
    setup = outputs["namespace_setup"]
    secrets = {"exchange-keys": "exchange_keys_arn", "database": "master_secret_arn"}
    target = setup[secrets[resource]] if resource in secrets else resource
    given = statements(f"{NAME}-{process}")

    assert any(allowed(one, action, target, {}) for one in given) is expected


KEY_USES = [
    ("server", "kms:Decrypt", "s3", True),
    ("server", "kms:GenerateDataKey", "s3", False),
    ("server", "kms:Decrypt", "secretsmanager", False),
    ("training", "kms:GenerateDataKey", "s3", True),
    ("training", "kms:GenerateDataKey", "sns", False),
    ("ingestion", "kms:Decrypt", "secretsmanager", True),
    ("ingestion", "kms:Decrypt", "s3", False),
    ("monitoring", "kms:GenerateDataKey", "sns", True),
]


@pytest.mark.parametrize(("process", "action", "service", "expected"), KEY_USES)
def test_key_is_used_through_a_service_only(
    statements: Callable[[str], list[Statement]],
    client: Client,
    process: str,
    action: str,
    service: str,
    expected: bool,
) -> None:
    aliases = {
        one["AliasName"]: one.get("TargetKeyId") for one in client("kms").list_aliases()["Aliases"]
    }
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{aliases[f'alias/{NAME}-data']}"
    through = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
    given = statements(f"{NAME}-{process}")

    assert any(allowed(one, action, key, through) for one in given) is expected
    assert not any(allowed(one, action, key, {}) for one in given)


SUBJECTS = [
    ("repo:example/tidecast:environment:production", True),
    ("repo:example/tidecast:ref:refs/heads/main", False),
    ("repo:example/tidecast:pull_request", False),
    ("repo:other/tidecast:environment:production", False),
    ("repo:example/tidecast:environment:production-like", False),
]


@pytest.mark.parametrize(("subject", "expected"), SUBJECTS)
def test_only_the_environment_of_the_repository_is_trusted(
    platform: Workspace, client: Client, subject: str, expected: bool
) -> None:
    trust = client("iam").get_role(RoleName=f"{NAME}-deploy")["Role"]["AssumeRolePolicyDocument"]
    token = "token.actions.githubusercontent.com"
    context = {f"{token}:aud": "sts.amazonaws.com", f"{token}:sub": subject}
    [statement] = in_list(trust["Statement"])

    assert allowed(statement, "sts:AssumeRoleWithWebIdentity", "*", context) is expected


@pytest.mark.parametrize(
    ("account", "expected"), [("tidecast-server", True), ("tidecast-training", False)]
)
def test_only_its_service_account_is_given_the_role(
    platform: Workspace, client: Client, account: str, expected: bool
) -> None:
    trust = client("iam").get_role(RoleName=f"{NAME}-server")["Role"]["AssumeRolePolicyDocument"]
    context = {
        "aws:RequestTag/kubernetes-namespace": "tidecast",
        "aws:RequestTag/kubernetes-service-account": account,
    }
    [statement] = in_list(trust["Statement"])

    assert allowed(statement, "sts:AssumeRole", "*", context) is expected


def test_no_policy_of_ours_has_a_pattern_for_an_action(
    statements: Callable[[str], list[Statement]], client: Client
) -> None:
    roles = [one["RoleName"] for one in client("iam").list_roles()["Roles"]]
    ours = {role: statements(role) for role in roles if role.startswith(NAME)}

    assert sum(bool(given) for given in ours.values()) == 7
    for role, given in ours.items():
        actions = [action for one in given for action in in_list(one["Action"])]
        assert [action for action in actions if "*" in action] == [], role


def test_policies_name_actions_that_aws_has(
    statements: Callable[[str], list[Statement]], client: Client
) -> None:
    findings = []
    for role in [one["RoleName"] for one in client("iam").list_roles()["Roles"]]:
        given = statements(role) if role.startswith(NAME) else []
        if given:
            policy = json.dumps({"Version": "2012-10-17", "Statement": given})
            findings += [(role, str(one)) for one in analyze_policy_string(policy).findings]

    assert findings == []


@pytest.fixture
def rights_are_checked(aws: str, platform: Workspace, client: Client) -> Iterator[None]:
    """The imitation asks for rights; without the TLS rule, as it knows no conditions."""
    s3, bucket = client("s3"), BUCKET.rsplit(":", 1)[1]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="mlflow/champion", Body=b"weights")
    yield
    reset_authentication(aws, UNCHECKED)
    for one in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def reset_authentication(aws: str, after: str) -> None:
    answer = requests.post(
        f"{aws}/moto-api/reset-auth",
        data=after,
        headers={"Content-Type": "application/octet-stream"},
        timeout=10,
    )
    assert answer.status_code == 200


def test_service_reads_and_is_refused_a_write(
    aws: str, client: Client, rights_are_checked: None
) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/{NAME}-server"
    lent = client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    as_server = client_of(
        aws,
        "s3",
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )
    reset_authentication(aws, AUTHENTICATED)
    bucket = BUCKET.rsplit(":", 1)[1]

    read = as_server.get_object(Bucket=bucket, Key="mlflow/champion")["Body"].read()
    with pytest.raises(ClientError, match="AccessDenied"):
        as_server.put_object(Bucket=bucket, Key="mlflow/champion", Body=b"other")
    assert read == b"weights"
