# What must never be opened by a slip. tests/terraform/test_mistakes.py makes the slips and expects a failure.
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

run "api_answers_admins_only" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(var.admin_cidrs) && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "The Kubernetes API must answer admin_cidrs only."
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Who may enter the cluster must be written in access.tf and nowhere else."
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"])
    error_message = "Kubernetes secrets must be encrypted by our key."
  }

  assert {
    condition     = aws_eks_cluster.this.upgrade_policy[0].support_type == "STANDARD"
    error_message = "Extended support costs six times as much."
  }
}

run "nodes_are_closed" {
  command = plan

  assert {
    condition     = aws_launch_template.node[0].metadata_options[0].http_tokens == "required" && aws_launch_template.node[0].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "A pod could borrow the rights of its node."
  }

  assert {
    condition     = alltrue([for disk in aws_launch_template.node[0].block_device_mappings : disk.ebs[0].encrypted == "true" && disk.ebs[0].volume_type == "gp3"])
    error_message = "The disks of the nodes must be encrypted."
  }
}

run "database_is_reached_from_nodes_only" {
  command = plan

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database_from_nodes.cidr_ipv4 == null
      && aws_vpc_security_group_ingress_rule.database_from_nodes.cidr_ipv6 == null
      && aws_vpc_security_group_ingress_rule.database_from_nodes.prefix_list_id == null
      && aws_vpc_security_group_ingress_rule.database_from_nodes.from_port == 5432
      && aws_vpc_security_group_ingress_rule.database_from_nodes.to_port == 5432
    )
    error_message = "PostgreSQL must be open to the nodes' security group and to no address."
  }

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_db_instance.this.manage_master_user_password && aws_db_instance.this.backup_retention_period >= 7
    error_message = "PostgreSQL must be private, encrypted, backed up, and its password kept by RDS."
  }
}

run "artifacts_are_read_over_tls_only" {
  command = plan

  # The resource is named so that the policy cannot be dropped unseen.
  assert {
    condition     = length([aws_s3_bucket_policy.artifacts]) == 1 && [for one in data.aws_iam_policy_document.artifacts_bucket.statement : one.effect if one.effect == "Deny" && anytrue([for test in one.condition : test.variable == "aws:SecureTransport" && test.values == tolist(["false"])])] == ["Deny"]
    error_message = "The bucket must refuse requests without TLS."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.artifacts.block_public_acls && aws_s3_bucket_public_access_block.artifacts.block_public_policy && aws_s3_bucket_public_access_block.artifacts.ignore_public_acls && aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets
    error_message = "The bucket must not become public."
  }
}

run "processes_get_what_they_need" {
  command = plan

  assert {
    condition     = toset(local.grants["server"]) == toset(["read-artifacts", "publish-alerts"]) && toset(flatten(data.aws_iam_policy_document.read_artifacts.statement[*].actions)) == toset(["s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject", "kms:Decrypt"])
    error_message = "The service reads artefacts and publishes alerts, nothing else."
  }

  assert {
    condition = length([for action in flatten([
      for document in concat(
        values(local.permissions),
        [data.aws_iam_policy_document.deploy, data.aws_iam_policy_document.flow_logs, data.aws_iam_policy_document.cluster_secrets],
      ) : document.statement[*].actions
    ]) : action if strcontains(action, "*")]) == 0
    error_message = "A role may do everything that a pattern matches; name the actions."
  }
}

run "ci_pushes_and_deploys_only" {
  command = plan

  assert {
    condition     = [for test in data.aws_iam_policy_document.deploy_trust.statement[0].condition : test if test.test == "StringEquals" && test.variable == "token.actions.githubusercontent.com:sub"][0].values == tolist(["repo:example/tidecast:environment:production"])
    error_message = "The role must be for one repository and one environment, by equality."
  }

  assert {
    condition     = alltrue([for action in flatten(data.aws_iam_policy_document.deploy.statement[*].actions) : startswith(action, "ecr:") || action == "eks:DescribeCluster"])
    error_message = "CI may push the image and find the cluster, nothing else of AWS."
  }

  assert {
    condition     = aws_eks_access_entry.deploy.kubernetes_groups == toset(["tidecast-deployers"])
    error_message = "Inside the cluster CI must be in the deployers' group and in no other."
  }
}

run "production_cannot_be_deleted_by_a_slip" {
  command = plan

  assert {
    condition = (
      terraform_data.deletion_guard.input.protected
      && aws_db_instance.this.deletion_protection
      && !aws_db_instance.this.skip_final_snapshot
      && !aws_s3_bucket.artifacts.force_destroy
      && !aws_ecr_repository.this.force_delete
      && aws_secretsmanager_secret.exchange_keys.recovery_window_in_days == 30
    )
    error_message = "deletion_protection must be on where nobody turned it off."
  }
}

run "trial_can_be_deleted" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition = (
      !terraform_data.deletion_guard.input.protected
      && !aws_db_instance.this.deletion_protection
      && aws_db_instance.this.skip_final_snapshot
      && aws_s3_bucket.artifacts.force_destroy
      && aws_ecr_repository.this.force_delete
      && aws_secretsmanager_secret.exchange_keys.recovery_window_in_days == 0
    )
    error_message = "deletion_protection = false must leave nothing that resists."
  }
}

run "everybody_is_told_of_costs" {
  command = plan

  variables {
    alert_emails        = ["oncall@example.com", "finance@example.com"]
    alert_phone_numbers = ["+353861234567"]
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 2 && length(aws_sns_topic_subscription.sms) == 1
    error_message = "Each address and each number must be subscribed."
  }

  assert {
    condition     = anytrue([for notice in aws_budgets_budget.monthly.notification : notice.notification_type == "FORECASTED"]) && aws_budgets_budget.monthly.limit_amount == "900"
    error_message = "The budget must warn of what is to be expected."
  }
}
