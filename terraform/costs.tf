locals {
  # The mail a notice goes to: what is spent, and what AWS expects to be spent by the end of the month.
  budget_notices = {
    "80 percent spent"     = { type = "ACTUAL", percent = 80 }
    "all of it spent"      = { type = "ACTUAL", percent = 100 }
    "more of it to expect" = { type = "FORECASTED", percent = 100 }
  }
}

# Of the whole account, not of a tag: a tag counts only after somebody activated it in billing.
resource "aws_budgets_budget" "monthly" {
  name         = "${var.name}-monthly"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"

  dynamic "notification" {
    for_each = local.budget_notices

    content {
      notification_type          = notification.value.type
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.alert_emails
    }
  }
}

# By tag: AWS allows one monitor of all services an account and may have made it already.
resource "aws_ce_anomaly_monitor" "this" {
  name         = var.name
  monitor_type = "CUSTOM"

  # AWS answers with every key of an expression; without the nulls each plan would replace the monitor.
  monitor_specification = jsonencode({
    And            = null
    CostCategories = null
    Dimensions     = null
    Not            = null
    Or             = null
    Tags = {
      Key          = "user:Project"
      MatchOptions = null
      Values       = [var.name]
    }
  })
}

resource "aws_ce_anomaly_subscription" "this" {
  name             = var.name
  frequency        = "IMMEDIATE"
  monitor_arn_list = [aws_ce_anomaly_monitor.this.arn]

  subscriber {
    type    = "SNS"
    address = aws_sns_topic.alerts.arn
  }

  # A tenth of a month's budget above what was to be expected.
  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(ceil(var.monthly_budget_usd / 10))]
    }
  }

  depends_on = [aws_sns_topic_policy.alerts]
}
