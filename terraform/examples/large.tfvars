# Many markets and thousands of requests a second, about 1600 US dollars a month: Auto Mode adds and
# removes nodes.
name                    = "tidecast"
region                  = "eu-west-1"
admin_cidrs             = ["203.0.113.7/32"]
admin_principal_arns    = ["arn:aws:iam::123456789012:role/platform"]
compute_mode            = "auto"
nat_per_zone            = true
database_instance_class = "db.m7g.large"
database_multi_az       = true
deletion_protection     = true
log_retention_days      = 90
alert_emails            = ["oncall@example.com", "finance@example.com"]
alert_phone_numbers     = ["+353861234567"]
monthly_budget_usd      = 2000
github_repository       = "example/tidecast"
