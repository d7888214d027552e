# `terraform destroy` takes what depends on others first, so this goes first, and refuses while the
# protection is on. RDS and S3 have protections of their own besides; this provider has none for EKS.
resource "terraform_data" "deletion_guard" {
  input = {
    name      = var.name
    protected = var.deletion_protection
  }

  provisioner "local-exec" {
    when    = destroy
    command = self.input.protected ? "echo 'deletion_protection of ${self.input.name} is true: set it to false, run terraform apply, then destroy' >&2; exit 1" : "true"
  }

  depends_on = [
    aws_budgets_budget.monthly,
    aws_ce_anomaly_subscription.this,
    aws_cloudwatch_dashboard.this,
    aws_cloudwatch_log_metric_filter.this,
    aws_db_instance.this,
    aws_ecr_lifecycle_policy.this,
    aws_eks_access_entry.deploy,
    aws_eks_access_policy_association.admin,
    aws_eks_addon.after_nodes,
    aws_eks_pod_identity_association.process,
    aws_flow_log.this,
    aws_iam_role_policy.deploy,
    aws_iam_role_policy.flow_logs,
    aws_iam_role_policy.process,
    aws_iam_role_policy_attachment.addon,
    aws_kms_alias.cluster,
    aws_kms_alias.data,
    aws_route.private_internet,
    aws_route_table_association.private,
    aws_route_table_association.public,
    aws_route.public_internet,
    aws_s3_bucket_lifecycle_configuration.artifacts,
    aws_s3_bucket_ownership_controls.artifacts,
    aws_s3_bucket_policy.artifacts,
    aws_s3_bucket_server_side_encryption_configuration.artifacts,
    aws_sns_topic_subscription.email,
    aws_sns_topic_subscription.sms,
    aws_vpc_endpoint.s3,
    aws_vpc_security_group_ingress_rule.database_from_nodes,
    aws_default_security_group.closed,
  ]
}
