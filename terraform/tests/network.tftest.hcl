# Zones, subnets and ways out.
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

run "three_zones_with_a_public_and_a_private_subnet_each" {
  command = plan

  assert {
    condition     = length(aws_subnet.public) == 3 && length(aws_subnet.private) == 3
    error_message = "There must be a public and a private subnet in each of three zones."
  }

  assert {
    condition     = length(distinct(concat(values(aws_subnet.public)[*].cidr_block, values(aws_subnet.private)[*].cidr_block))) == 6
    error_message = "Two subnets have the same range."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.tags["kubernetes.io/role/elb"] == "1"]) && alltrue([for subnet in aws_subnet.private : subnet.tags["kubernetes.io/role/internal-elb"] == "1"])
    error_message = "Load balancers find their subnets by these tags."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch != true])
    error_message = "Nothing in a public subnet may get a public address by itself."
  }
}

run "one_way_out_for_all_zones" {
  command = plan

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-west-1a"] && length(aws_route.private_internet) == 3
    error_message = "nat_per_zone = false must give one NAT gateway and a route to it from each zone."
  }
}

run "a_way_out_for_each_zone" {
  command = plan

  variables {
    nat_per_zone = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "nat_per_zone = true must give a NAT gateway in each zone."
  }
}

run "smallest_range_holds_the_subnets" {
  command = plan

  variables {
    vpc_cidr = "192.168.16.0/20"
  }

  assert {
    condition     = values(aws_subnet.private)[*].cidr_block == ["192.168.17.0/24", "192.168.18.0/24", "192.168.19.0/24"]
    error_message = "A /20 must give private subnets of 256 addresses."
  }
}

run "refuses_a_region_with_two_zones" {
  command = plan

  override_data {
    target = data.aws_availability_zones.available
    values = {
      names = ["us-west-1a", "us-west-1c"]
    }
  }

  expect_failures = [data.aws_availability_zones.available]
}
