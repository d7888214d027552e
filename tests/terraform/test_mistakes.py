"""The mistakes that checkov lets pass: made on a copy, each must fail the plans."""

from pathlib import Path

import pytest
from conftest import init
from terraform_cli import Workspace, copy_of_configuration

MISTAKES = {
    "disk of the nodes unencrypted": (
        "nodes.tf",
        "encrypted             = true",
        "encrypted             = false",
        "The disks of the nodes must be encrypted.",
    ),
    "bucket read without TLS": (
        "artifacts.tf",
        'effect    = "Deny"',
        'effect    = "Allow"',
        "The bucket must refuse requests without TLS.",
    ),
    "database open to the Internet": (
        "database.tf",
        "referenced_security_group_id = "
        "aws_eks_cluster.this.vpc_config[0].cluster_security_group_id",
        'cidr_ipv4 = "0.0.0.0/0"',
        "PostgreSQL must be open to the nodes' security group and to no address.",
    ),
    "any GitHub repository may deploy": (
        "github.tf",
        '["repo:${var.github_repository}:environment:production"]',
        '["*"]',
        "The role must be for one repository and one environment, by equality.",
    ),
    "service may do everything to the bucket": (
        "identity.tf",
        '["s3:GetObject"]',
        '["s3:*"]',
        "The service reads artefacts and publishes alerts, nothing else.",
    ),
    "CI may do everything to IAM": (
        "github.tf",
        '["eks:DescribeCluster"]',
        '["eks:DescribeCluster", "iam:*"]',
        "CI may push the image and find the cluster, nothing else of AWS.",
    ),
}


@pytest.fixture(scope="module")
def said(terraform: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the plans say of a copy with all the mistakes, to run them once."""
    folder: Path = copy_of_configuration(tmp_path_factory.mktemp("mistakes"))
    for name, right, wrong, _ in MISTAKES.values():
        text = (folder / name).read_text()
        assert text.count(right) == 1
        (folder / name).write_text(text.replace(right, wrong))
    copy = Workspace(folder)
    init(copy, "-backend=false")
    done = copy.run("test", "-filter=tests/security.tftest.hcl", check=False)
    assert done.returncode != 0
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_found(said: str, mistake: str) -> None:
    assert MISTAKES[mistake][-1] in said
