# Two keys, so that who may decrypt artefacts has no part in the secrets of the cluster.
resource "aws_kms_key" "cluster" {
  description             = "Kubernetes secrets of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_protection ? 30 : 7
  policy                  = data.aws_iam_policy_document.cluster_key.json
}

resource "aws_kms_alias" "cluster" {
  name          = "alias/${var.name}-cluster"
  target_key_id = aws_kms_key.cluster.key_id
}

resource "aws_kms_key" "data" {
  description             = "Database, artefacts, images, logs, alerts and secrets of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_protection ? 30 : 7
  policy                  = data.aws_iam_policy_document.data_key.json
}

resource "aws_kms_alias" "data" {
  name          = "alias/${var.name}-data"
  target_key_id = aws_kms_key.data.key_id
}

data "aws_iam_policy_document" "cluster_key" {
  #checkov:skip=CKV_AWS_109:A key policy must name its own key as "*"; the account's IAM decides who may use it
  #checkov:skip=CKV_AWS_111:A key policy must name its own key as "*"; the account's IAM decides who may use it
  #checkov:skip=CKV_AWS_356:A key policy must name its own key as "*"; the account's IAM decides who may use it
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }
}

data "aws_iam_policy_document" "data_key" {
  #checkov:skip=CKV_AWS_109:A key policy must name its own key as "*"; the account's IAM decides who may use it
  #checkov:skip=CKV_AWS_111:A key policy must name its own key as "*"; the account's IAM decides who may use it
  #checkov:skip=CKV_AWS_356:A key policy must name its own key as "*"; the account's IAM decides who may use it
  source_policy_documents = [data.aws_iam_policy_document.cluster_key.json]

  statement {
    sid       = "CloudWatchLogsEncrypts"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:*"]
    }
  }

  statement {
    sid       = "AlertingServicesPublish"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = local.alerting_services
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}
