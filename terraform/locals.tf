data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  tags = merge(var.tags, {
    Project   = var.name
    ManagedBy = "terraform"
  })

  # Release, namespace and ServiceAccounts of the chart. The roles are bound to these names; the Service of
  # the server has the name of its ServiceAccount.
  namespace        = "tidecast"
  service_accounts = { for process in keys(local.grants) : process => "${local.namespace}-${process}" }

  # Kubernetes Secrets that prepare_namespace.py makes.
  database_secret      = "${local.namespace}-database"
  exchange_keys_secret = "${local.namespace}-exchange-keys"

  auto_mode   = var.compute_mode == "auto"
  bucket_name = "${var.name}-artifacts-${local.account_id}-${var.region}"

  # Group of the cluster in which the deploying role of CI is; prepare_namespace.py gives it the namespace.
  deployers_group = "tidecast-deployers"
}
