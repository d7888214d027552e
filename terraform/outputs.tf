output "helm_values" {
  description = "Values of the chart: `terraform output -raw helm_values > values.yaml`."

  value = yamlencode({
    image = {
      repository = aws_ecr_repository.this.repository_url
    }
    database = {
      bundled = { enabled = false }
      external = {
        host           = aws_db_instance.this.address
        port           = aws_db_instance.this.port
        name           = aws_db_instance.this.db_name
        existingSecret = local.database_secret
      }
    }
    mlflow = {
      artifactRoot = "s3://${aws_s3_bucket.artifacts.bucket}/mlflow"
    }
    alerts = {
      topicArn = aws_sns_topic.alerts.arn
    }
    ingestion = {
      existingSecret = local.exchange_keys_secret
    }
    serviceAccounts = { for process, name in local.service_accounts : process => { name = name } }
  })
}

output "alert_topic_arn" {
  description = "Topic of all alerts; server and monitor may publish to it."
  value       = aws_sns_topic.alerts.arn
}

output "region" {
  description = "Region of the installation."
  value       = var.region
}

output "cluster_name" {
  description = "Name of the cluster, for `aws eks update-kubeconfig`."
  value       = aws_eks_cluster.this.name
}

output "image_repository" {
  description = "Where the image is pushed to."
  value       = aws_ecr_repository.this.repository_url
}

output "deploy_role_arn" {
  description = "Role of the release workflow; repository variable AWS_DEPLOY_ROLE_ARN in GitHub."
  value       = aws_iam_role.deploy.arn
}

output "namespace_setup" {
  description = "What prepare_namespace.py reads: names only, no secret."

  value = {
    region               = var.region
    namespace            = local.namespace
    deployers_group      = local.deployers_group
    database_host        = aws_db_instance.this.address
    database_port        = aws_db_instance.this.port
    database_name        = aws_db_instance.this.db_name
    database_secret      = local.database_secret
    master_secret_arn    = aws_db_instance.this.master_user_secret[0].secret_arn
    exchange_keys_arn    = aws_secretsmanager_secret.exchange_keys.arn
    exchange_keys_secret = local.exchange_keys_secret
  }
}
