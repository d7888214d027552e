# The smallest that holds the chart, about 280 US dollars a month; everything in it may be destroyed.
name                    = "tidecast-trial"
region                  = "eu-west-1"
admin_cidrs             = ["203.0.113.7/32"]
admin_principal_arns    = ["arn:aws:iam::123456789012:role/platform"]
node_count              = 2
node_instance_types     = ["t3.large"]
nat_per_zone            = false
database_instance_class = "db.t4g.micro"
database_multi_az       = false
deletion_protection     = false
log_retention_days      = 7
alert_emails            = ["oncall@example.com"]
monthly_budget_usd      = 350
github_repository       = "example/tidecast"
