# Three zones that can each be lost: about 560 US dollars a month, see README.md.
name                    = "tidecast"
region                  = "eu-west-1"
admin_cidrs             = ["203.0.113.7/32"]
admin_principal_arns    = ["arn:aws:iam::123456789012:role/platform"]
node_count              = 3
node_instance_types     = ["m7i.large"]
nat_per_zone            = true
database_instance_class = "db.t4g.medium"
database_multi_az       = true
deletion_protection     = true
log_retention_days      = 30
alert_emails            = ["oncall@example.com"]
monthly_budget_usd      = 700
github_repository       = "example/tidecast"
