# Made here and not by who writes into them, so that they are encrypted, end after the retention, and go
# with the rest.
locals {
  container_insights = "/aws/containerinsights/${var.name}"

  log_groups = {
    cluster      = "/aws/eks/${var.name}/cluster"
    network      = "/aws/vpc/${var.name}/flow-logs"
    database     = "/aws/rds/instance/${var.name}/postgresql"
    upgrades     = "/aws/rds/instance/${var.name}/upgrade"
    applications = "${local.container_insights}/application"
    dataplane    = "${local.container_insights}/dataplane"
    hosts        = "${local.container_insights}/host"
    performance  = "${local.container_insights}/performance"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long logs are kept is a variable; a year is among its values
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}
