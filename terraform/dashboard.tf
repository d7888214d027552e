locals {
  # Title, unit of the axis, and [namespace, metric, dimension name, dimension value, ...] of each line.
  charts = [
    {
      title = "Markets ingested an hour", statistic = "Sum", period = local.hour
      lines = [[local.own_metrics, "MarketsIngested"]]
    },
    {
      title = "Errors logged in five minutes", statistic = "Sum", period = 5 * local.minute
      lines = [[local.own_metrics, "Errors"]]
    },
    {
      title = "Servers", statistic = "Average", period = 5 * local.minute
      lines = [["ContainerInsights", "service_number_of_running_pods", "ClusterName", var.name, "Namespace", local.namespace, "Service", local.service_accounts.server]]
    },
    {
      title = "Nodes, percent used", statistic = "Average", period = 5 * local.minute
      lines = [
        ["ContainerInsights", "node_cpu_utilization", "ClusterName", var.name],
        ["ContainerInsights", "node_memory_utilization", "ClusterName", var.name],
        ["ContainerInsights", "node_filesystem_utilization", "ClusterName", var.name],
      ]
    },
    {
      title = "PostgreSQL, CPU percent", statistic = "Average", period = 5 * local.minute
      lines = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", aws_db_instance.this.identifier]]
    },
    {
      title = "PostgreSQL, connections", statistic = "Maximum", period = 5 * local.minute
      lines = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", aws_db_instance.this.identifier]]
    },
    {
      title = "PostgreSQL, free storage in bytes", statistic = "Minimum", period = 5 * local.minute
      lines = [["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", aws_db_instance.this.identifier]]
    },
    {
      title = "NAT, bytes sent out", statistic = "Sum", period = local.hour
      lines = [for gateway in aws_nat_gateway.this : ["AWS/NATGateway", "BytesOutToDestination", "NatGatewayId", gateway.id]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  # Two columns on CloudWatch's grid of 24; the alarms stand over them.
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = {
          title  = "Alarms"
          alarms = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn]
        }
      }],
      [for i, chart in local.charts : {
        type = "metric", x = (i % 2) * 12, y = 3 + floor(i / 2) * 6, width = 12, height = 6
        properties = {
          title   = chart.title
          region  = var.region
          view    = "timeSeries"
          stat    = chart.statistic
          period  = chart.period
          metrics = chart.lines
        }
      }],
    )
  })
}
