# Every validation of every variable. Terraform takes a second a run, so each run has several wrong values,
# one a variable, and expects each to be refused. tests/terraform/test_messages.py reads what is said.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region               = "eu-west-1"
  admin_cidrs          = ["203.0.113.7/32"]
  admin_principal_arns = ["arn:aws:iam::123456789012:role/platform"]
  alert_emails         = ["oncall@example.com"]
  monthly_budget_usd   = 900
  github_repository    = "example/tidecast"
}

run "refuses_the_first_wrong_value_of_each" {
  command = plan

  variables {
    name                    = "abcdefghijklmnopqrstuvwxyz" # name too long
    region                  = "eu-west-1a"                 # region that is a zone
    tags                    = { Project = "other" }        # tag that is ours
    vpc_cidr                = "10.0.0.0/8"                 # vpc too wide
    admin_cidrs             = []                           # admins from nowhere
    admin_principal_arns    = []                           # no admin
    kubernetes_version      = "1.29"                       # kubernetes out of support
    compute_mode            = "fargate"                    # unknown compute mode
    node_instance_types     = []                           # no instance type
    node_count              = 1                            # one node
    database_instance_class = "t4g.medium"                 # database class of ec2
    log_retention_days      = 31                           # retention that cloudwatch lacks
    alert_emails            = []                           # nobody told
    alert_phone_numbers     = ["0861234567"]               # phone without country
    monthly_budget_usd      = 0                            # budget of zero
    github_repository       = "tidecast"                   # repository without owner
  }

  expect_failures = [
    var.name,
    var.region,
    var.tags,
    var.vpc_cidr,
    var.admin_cidrs,
    var.admin_principal_arns,
    var.kubernetes_version,
    var.compute_mode,
    var.node_instance_types,
    var.node_count,
    var.database_instance_class,
    var.log_retention_days,
    var.alert_emails,
    var.alert_phone_numbers,
    var.monthly_budget_usd,
    var.github_repository,
  ]
}

run "refuses_the_second_wrong_value_of_each" {
  command = plan

  variables {
    name                 = "ab"                                                   # name too short
    region               = "Ireland"                                              # region in words
    vpc_cidr             = "10.0.0.0/24"                                          # vpc too narrow
    admin_cidrs          = ["0.0.0.0/0"]                                          # admins from everywhere
    admin_principal_arns = ["arn:aws:sts::123456789012:assumed-role/platform/me"] # admin by session
    kubernetes_version   = "1.99"                                                 # kubernetes not yet tried
    node_instance_types  = ["m7i.large", "m7g.large"]                             # arm instance type
    node_count           = 21                                                     # too many nodes
    alert_emails         = ["oncall.example.com"]                                 # email without at
    alert_phone_numbers  = ["+353 86 123 4567"]                                   # phone with spaces
    monthly_budget_usd   = -1                                                     # budget below zero
    github_repository    = "example/*"                                            # repository as pattern
  }

  expect_failures = [
    var.name,
    var.region,
    var.vpc_cidr,
    var.admin_cidrs,
    var.admin_principal_arns,
    var.kubernetes_version,
    var.node_instance_types,
    var.node_count,
    var.alert_emails,
    var.alert_phone_numbers,
    var.monthly_budget_usd,
    var.github_repository,
  ]
}

run "refuses_the_third_wrong_value_of_each" {
  command = plan

  variables {
    name               = "Tidecast"                                      # name in capitals
    vpc_cidr           = "8.8.0.0/16"                                    # vpc public
    admin_cidrs        = ["203.0.113.7/32", "0.0.0.0/0"]                 # admins from everywhere among others
    kubernetes_version = "1.35.1"                                        # kubernetes with patch
    node_count         = 2.5                                             # half a node
    alert_emails       = [for i in range(11) : "oncall${i}@example.com"] # too many emails
  }

  expect_failures = [
    var.name,
    var.vpc_cidr,
    var.admin_cidrs,
    var.kubernetes_version,
    var.node_count,
    var.alert_emails,
  ]
}

run "refuses_the_fourth_wrong_value_of_each" {
  command = plan

  variables {
    name        = "tide_cast"                  # name with underscore
    vpc_cidr    = "10.0.0.0"                   # vpc no range
    admin_cidrs = ["0.0.0.0/1", "128.0.0.0/1"] # admins from everywhere in two halves
  }

  expect_failures = [
    var.name,
    var.vpc_cidr,
    var.admin_cidrs,
  ]
}

run "refuses_the_fifth_wrong_value_of_each" {
  command = plan

  variables {
    name        = "tide--cast" # name with double hyphen
    admin_cidrs = ["::/0"]     # admins from ipv6
  }

  expect_failures = [
    var.name,
    var.admin_cidrs,
  ]
}

run "refuses_the_sixth_wrong_value_of_each" {
  command = plan

  variables {
    name        = "tidecast-"     # name that ends in hyphen
    admin_cidrs = ["203.0.113.7"] # admins from an address without range
  }

  expect_failures = [
    var.name,
    var.admin_cidrs,
  ]
}
