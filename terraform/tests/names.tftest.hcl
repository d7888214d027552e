# The longest name that is allowed, in the region with the longest code: nothing breaks a limit of AWS.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region               = "eu-west-1"
  admin_cidrs          = ["203.0.113.7/32"]
  admin_principal_arns = ["arn:aws:iam::123456789012:role/platform"]
  alert_emails         = ["oncall@example.com"]
  monthly_budget_usd   = 900
  github_repository    = "example/tidecast"
}

run "longest_name_keeps_every_limit" {
  command = plan

  variables {
    name   = "abcdefghijklmnopqrstuvwxy"
    region = "ap-northeast-1"
  }

  assert {
    condition     = length(var.name) == 25 && length(aws_s3_bucket.artifacts.bucket) <= 63
    error_message = "The bucket has more than 63 characters: ${aws_s3_bucket.artifacts.bucket}"
  }

  assert {
    condition = alltrue([for role in concat(
      values(aws_iam_role.process)[*].name,
      values(aws_iam_role.addon)[*].name,
      [aws_iam_role.cluster.name, aws_iam_role.node.name, aws_iam_role.deploy.name, aws_iam_role.flow_logs.name, aws_iam_role.database_monitoring.name],
    ) : length(role) <= 64])
    error_message = "An IAM role has more than 64 characters."
  }

  assert {
    condition     = length(aws_eks_cluster.this.name) <= 100
    error_message = "The cluster has more than 100 characters."
  }

  assert {
    condition     = length("${var.name}-server") <= 32
    error_message = "A target group named after the installation and its service would have more than 32 characters."
  }

  assert {
    condition     = length(aws_db_instance.this.identifier) <= 63 && length(aws_db_instance.this.final_snapshot_identifier) <= 63
    error_message = "The database or its last snapshot has more than 63 characters."
  }

  assert {
    condition     = alltrue([for entry in values(aws_eks_pod_identity_association.process) : length(entry.service_account) <= 63])
    error_message = "A ServiceAccount has more than 63 characters."
  }
}
