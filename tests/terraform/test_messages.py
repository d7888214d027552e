"""What a person reads who wrote a wrong value: what was wrong, and what to write instead."""

import re
from pathlib import Path

from terraform_cli import CONFIGURATION, Workspace, copy_of_configuration

WRONG = """
name                    = "tidecast-of-the-whole-department"
region                  = "eu-west-1"
admin_cidrs             = ["0.0.0.0/0"]
admin_principal_arns    = []
kubernetes_version      = "1.29"
alert_emails            = ["oncall.example.com"]
monthly_budget_usd      = 0
github_repository       = "tidecast"
"""

SAID = [
    "name has 32 characters; write 3 to 25",
    "63 characters for the S3 bucket, 64 for an IAM role, 100 for the EKS cluster, 32 for a target",
    "opens the Kubernetes API to the Internet by 0.0.0.0/0; write the ranges your administrators",
    "admin_principal_arns is empty, so nobody could administer the cluster; write your own role",
    'kubernetes_version is "1.29"; write "1.34", "1.35" or "1.36"',
    'alert_emails holds "oncall.example.com"; write an address such as "oncall@example.com"',
    "monthly_budget_usd is 0; write the US dollars",
    'github_repository is "tidecast"; write OWNER/NAME',
]


def said_by_plan(checked: Workspace, aws: str, folder: Path, values: str) -> str:
    copy = Workspace(copy_of_configuration(folder), endpoint=aws)
    (copy.folder / ".terraform").symlink_to(checked.folder / ".terraform")
    (copy.folder / "terraform.tfvars").write_text(values)
    done = copy.run("plan", check=False)
    assert done.returncode == 1
    return " ".join(re.sub(r"[│╷╵]", " ", done.stderr).split())


def test_wrong_values_are_answered_with_right_ones(
    checked: Workspace, aws: str, tmp_path: Path
) -> None:
    said = said_by_plan(checked, aws, tmp_path, WRONG)

    assert [one for one in SAID if one not in said] == []


def test_region_with_two_zones_is_answered_with_another(
    checked: Workspace, aws: str, tmp_path: Path
) -> None:
    example = (CONFIGURATION / "examples" / "trial.tfvars").read_text()

    said = said_by_plan(checked, aws, tmp_path, example.replace("eu-west-1", "us-west-1"))

    assert "Region us-west-1 offers this account" in said
    assert 'Write a region with three, for example "eu-west-1"' in said
