locals {
  minute = 60
  hour   = 3600
  gib    = 1024 * 1024 * 1024

  in_database = { DBInstanceIdentifier = aws_db_instance.this.identifier }
  in_cluster  = { ClusterName = var.name }

  # What each alarm means is in its description, which the mail shows. `missing` says what silence means.
  alarms = {
    database-cpu = {
      description = "PostgreSQL is over 80 % CPU for 15 minutes. Look at the slow queries in Performance Insights; take a larger database_instance_class if they are in order."
      namespace   = "AWS/RDS", metric = "CPUUtilization", dimensions = local.in_database
      statistic   = "Average", above = 80, below = null, period = 5 * local.minute, periods = 3, missing = "missing"
    }
    database-storage = {
      description = "PostgreSQL has less than 2 GiB of storage left. It grows by itself up to max_allocated_storage; raise that in database.tf."
      namespace   = "AWS/RDS", metric = "FreeStorageSpace", dimensions = local.in_database
      statistic   = "Minimum", above = null, below = 2 * local.gib, period = 5 * local.minute, periods = 1, missing = "missing"
    }
    database-memory = {
      description = "PostgreSQL has less than 100 MiB of memory left for 15 minutes. Take a larger database_instance_class."
      namespace   = "AWS/RDS", metric = "FreeableMemory", dimensions = local.in_database
      statistic   = "Average", above = null, below = local.gib / 10, period = 5 * local.minute, periods = 3, missing = "missing"
    }
    nodes-failed = {
      description = "A node of the cluster is not ready. `kubectl get nodes` names it; the node group replaces it when the instance itself is unhealthy."
      namespace   = "ContainerInsights", metric = "cluster_failed_node_count", dimensions = local.in_cluster
      statistic   = "Maximum", above = 0, below = null, period = 5 * local.minute, periods = 2, missing = "notBreaching"
    }
    nodes-memory = {
      description = "The nodes use over 85 % of their memory for 15 minutes. Raise node_count, or lower the requests of the chart."
      namespace   = "ContainerInsights", metric = "node_memory_utilization", dimensions = local.in_cluster
      statistic   = "Average", above = 85, below = null, period = 5 * local.minute, periods = 3, missing = "notBreaching"
    }
    nodes-disk = {
      description = "A node has used over 85 % of its disk. `kubectl describe node` tells whether images or logs fill it."
      namespace   = "ContainerInsights", metric = "node_filesystem_utilization", dimensions = local.in_cluster
      statistic   = "Maximum", above = 85, below = null, period = 5 * local.minute, periods = 2, missing = "notBreaching"
    }
    servers-none = {
      description = "No server of Tidecast runs. `kubectl get events -n ${local.namespace}` says why."
      namespace   = "ContainerInsights", metric = "service_number_of_running_pods"
      dimensions  = merge(local.in_cluster, { Namespace = local.namespace, Service = local.service_accounts.server })
      statistic   = "Maximum", above = null, below = 1, period = 5 * local.minute, periods = 2, missing = "breaching"
    }
    errors = {
      description = "Tidecast logged more than ten errors in five minutes. Search the log group ${local.log_groups.applications} for level = error."
      namespace   = local.own_metrics, metric = "Errors", dimensions = {}
      statistic   = "Sum", above = 10, below = null, period = 5 * local.minute, periods = 1, missing = "notBreaching"
    }
    ingestion-silent = {
      description = "No market was ingested for three hours: forecasts grow old. Look at the last Job of the ingestion CronJob."
      namespace   = local.own_metrics, metric = "MarketsIngested", dimensions = {}
      statistic   = "Sum", above = null, below = 1, period = local.hour, periods = 3, missing = "breaching"
    }
  }

  # Metrics counted out of the JSON lines that the pods log.
  own_metrics = "Tidecast/${var.name}"
  counted_lines = {
    Errors          = "($.log_processed.level = \"error\")"
    MarketsIngested = "($.log_processed.event = \"market_ingested\") && ($.log_processed.level = \"info\")"
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.counted_lines

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this["applications"].name
  pattern        = "{ ($.kubernetes.namespace_name = \"${local.namespace}\") && ${each.value} }"

  metric_transformation {
    namespace = local.own_metrics
    name      = each.key
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.above == null ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.above == null ? each.value.below : each.value.above
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}
