# Trust documents of service roles: SERVICE may assume the role.
data "aws_iam_policy_document" "trust" {
  for_each = {
    "ec2.amazonaws.com"            = ["sts:AssumeRole"]
    "eks.amazonaws.com"            = ["sts:AssumeRole", "sts:TagSession"]
    "monitoring.rds.amazonaws.com" = ["sts:AssumeRole"]
    "pods.eks.amazonaws.com"       = ["sts:AssumeRole", "sts:TagSession"]
    "vpc-flow-logs.amazonaws.com"  = ["sts:AssumeRole"]
  }

  statement {
    actions = each.value

    principals {
      type        = "Service"
      identifiers = [each.key]
    }
  }
}

# What each process of the chart may do. A pod has one ServiceAccount, and the monitor runs inside the
# server's pod, so the server holds the monitor's right to publish; `monitoring` is for the monitor in a
# pod of its own. Both read the champion, neither can write it.
locals {
  grants = {
    server     = ["read-artifacts", "publish-alerts"]
    training   = ["read-artifacts", "write-artifacts"]
    ingestion  = ["read-exchange-keys"]
    monitoring = ["read-artifacts", "publish-alerts"]
  }

  permissions = {
    read-artifacts     = data.aws_iam_policy_document.read_artifacts
    write-artifacts    = data.aws_iam_policy_document.write_artifacts
    read-exchange-keys = data.aws_iam_policy_document.read_exchange_keys
    publish-alerts     = data.aws_iam_policy_document.publish_alerts
  }

  granted = merge([
    for process, permissions in local.grants : {
      for permission in permissions : "${process}/${permission}" => { process = process, permission = permission }
    }
  ]...)
}

# The ServiceAccount is named in the trust too: another pod of the cluster cannot be given the role.
data "aws_iam_policy_document" "process_trust" {
  for_each = local.grants

  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-namespace"
      values   = [local.namespace]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-service-account"
      values   = [local.service_accounts[each.key]]
    }
  }
}

resource "aws_iam_role" "process" {
  for_each = local.grants

  name               = "${var.name}-${each.key}"
  description        = "Pods of ServiceAccount ${local.namespace}/${local.service_accounts[each.key]}"
  assume_role_policy = data.aws_iam_policy_document.process_trust[each.key].json
}

resource "aws_iam_role_policy" "process" {
  for_each = local.granted

  name   = each.value.permission
  role   = aws_iam_role.process[each.value.process].id
  policy = local.permissions[each.value.permission].json
}

resource "aws_eks_pod_identity_association" "process" {
  for_each = local.grants

  cluster_name    = aws_eks_cluster.this.name
  namespace       = local.namespace
  service_account = local.service_accounts[each.key]
  role_arn        = aws_iam_role.process[each.key].arn
}

data "aws_iam_policy_document" "read_artifacts" {
  statement {
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.artifacts.arn]
  }

  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.artifacts.arn}/*"]
  }

  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.data.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

# Nothing may delete: what a training overwrites stays as an older version of the object.
data "aws_iam_policy_document" "write_artifacts" {
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.artifacts.arn}/*"]
  }

  statement {
    actions   = ["kms:GenerateDataKey"]
    resources = [aws_kms_key.data.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read_exchange_keys" {
  statement {
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = [aws_secretsmanager_secret.exchange_keys.arn]
  }

  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.data.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "publish_alerts" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.data.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sns.${var.region}.amazonaws.com"]
    }
  }
}
