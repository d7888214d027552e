variable "name" {
  description = "Name of this installation and prefix of everything in it: 3 to 25 characters, lower case letters, digits and single hyphens."
  type        = string
  default     = "tidecast"

  # The bucket is the tightest: NAME-artifacts-ACCOUNT-REGION has 38 characters beside the name. The
  # lengths of all derived names are checked by tests/names.tftest.hcl.
  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 25
    error_message = "name has ${length(var.name)} characters; write 3 to 25. It is part of names that AWS limits: 63 characters for the S3 bucket, 64 for an IAM role, 100 for the EKS cluster, 32 for a target group."
  }

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "name is \"${var.name}\"; write lower case letters, digits and single hyphens, beginning with a letter, for example \"tidecast-staging\"."
  }
}

variable "region" {
  description = "AWS region of everything except the budget, which AWS keeps for the whole account. Needs three availability zones."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\"; write the code of an AWS region with three availability zones, for example \"eu-west-1\"."
  }
}

variable "tags" {
  description = "Further tags on everything that can have tags. Project and ManagedBy are set already."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.tags), ["Project", "ManagedBy"])) == 0
    error_message = "tags must not hold Project or ManagedBy: costs are counted by them. Write another key."
  }
}

variable "vpc_cidr" {
  description = "IPv4 range of the VPC, a private one between /16 and /20. Choose one that no peered network uses."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && can(regex("/(1[6-9]|20)$", var.vpc_cidr))
    error_message = "vpc_cidr is \"${var.vpc_cidr}\"; write an IPv4 range between /16 and /20, for example \"10.0.0.0/16\"."
  }

  validation {
    condition     = can(regex("^(10\\.|192\\.168\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.)", var.vpc_cidr))
    error_message = "vpc_cidr is \"${var.vpc_cidr}\"; write a private range: inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
  }
}

variable "nat_per_zone" {
  description = "true: one NAT gateway per zone, so that the loss of a zone leaves the others connected. false: one for all, about a third of the cost."
  type        = bool
  default     = false
}

variable "admin_cidrs" {
  description = "IPv4 ranges from which the Kubernetes API can be reached, for example the office's or the VPN's. Nobody else reaches it from outside the VPC."
  type        = list(string)

  validation {
    condition     = length(var.admin_cidrs) > 0
    error_message = "admin_cidrs is empty, so nobody could reach the Kubernetes API; write at least your own address, for example [\"203.0.113.7/32\"]."
  }

  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : can(cidrnetmask(cidr))])
    error_message = "admin_cidrs holds ${join(", ", [for cidr in var.admin_cidrs : cidr if !can(cidrnetmask(cidr))])}; write IPv4 ranges such as \"203.0.113.7/32\"."
  }

  # /8 is the widest range that one organisation holds; anything wider is the Internet in pieces.
  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : !can(regex("/[0-7]$", cidr))])
    error_message = "admin_cidrs opens the Kubernetes API to the Internet by ${join(", ", [for cidr in var.admin_cidrs : cidr if can(regex("/[0-7]$", cidr))])}; write the ranges your administrators come from, /8 or narrower, for example \"203.0.113.7/32\"."
  }
}

variable "admin_principal_arns" {
  description = "IAM roles or users that administer the cluster. Without one nobody can: the creator gets no rights by itself."
  type        = list(string)

  validation {
    condition     = length(var.admin_principal_arns) > 0
    error_message = "admin_principal_arns is empty, so nobody could administer the cluster; write your own role, for example [\"arn:aws:iam::123456789012:role/platform\"]. `aws sts get-caller-identity` names it."
  }

  validation {
    condition     = alltrue([for arn in var.admin_principal_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "admin_principal_arns holds something that is no IAM role or user; write \"arn:aws:iam::123456789012:role/platform\". Of \"arn:aws:sts::123456789012:assumed-role/platform/me\" the role is \"arn:aws:iam::123456789012:role/platform\"."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes minor version of the cluster and its nodes, one in standard support by EKS. Raise it by one at a time."
  type        = string
  default     = "1.35"

  # Standard support ends 2026-12-02 for 1.34 and 2027-03-27 for 1.35 (EKS release calendar, read 2026-11-21).
  validation {
    condition     = contains(["1.34", "1.35", "1.36"], var.kubernetes_version)
    error_message = "kubernetes_version is \"${var.kubernetes_version}\"; write \"1.34\", \"1.35\" or \"1.36\". Older ones have left standard support and cost six times as much an hour; newer ones were not tried with the chart."
  }
}

variable "compute_mode" {
  description = "\"managed\": a node group of fixed size, scaled by node_count. \"auto\": EKS Auto Mode adds and removes nodes itself, for a surcharge on their price. Chosen once: changing it later replaces the cluster."
  type        = string
  default     = "managed"

  validation {
    condition     = contains(["managed", "auto"], var.compute_mode)
    error_message = "compute_mode is \"${var.compute_mode}\"; write \"managed\" or \"auto\"."
  }
}

variable "node_instance_types" {
  description = "Instance types of the managed nodes, x86-64 ones: the image is built for that. Not used in Auto Mode."
  type        = list(string)
  default     = ["m7i.large"]

  validation {
    condition     = length(var.node_instance_types) > 0 && alltrue([for type in var.node_instance_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))])
    error_message = "node_instance_types must name at least one instance type, for example [\"m7i.large\"]."
  }

  # Graviton types carry a g after the generation (m7g, c7gn); a1 is the oldest of them.
  validation {
    condition     = alltrue([for type in var.node_instance_types : !can(regex("^([a-z]+[0-9]+[a-z]*g[a-z]*|a1)\\.", type))])
    error_message = "node_instance_types holds an ARM type (${join(", ", [for type in var.node_instance_types : type if can(regex("^([a-z]+[0-9]+[a-z]*g[a-z]*|a1)\\.", type))])}); write an x86-64 type such as \"m7i.large\"."
  }
}

variable "node_count" {
  description = "Managed nodes that run at all times, 2 to 20, spread over the zones. Not used in Auto Mode."
  type        = number
  default     = 3

  validation {
    condition     = var.node_count >= 2 && var.node_count <= 20 && floor(var.node_count) == var.node_count
    error_message = "node_count is ${var.node_count}; write a whole number from 2 to 20. One node would be lost with its zone."
  }
}

variable "database_instance_class" {
  description = "Instance class of the PostgreSQL server."
  type        = string
  default     = "db.t4g.medium"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database_instance_class))
    error_message = "database_instance_class is \"${var.database_instance_class}\"; write an RDS class such as \"db.t4g.medium\"."
  }
}

variable "database_multi_az" {
  description = "true: a standby in a second zone takes over when the first is lost, for twice the price."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "true: `terraform destroy` is refused before anything is touched, the database takes a last snapshot, buckets and registry keep what is in them. Set it to false and apply before destroying."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the logs of cluster, network, database and pods."
  type        = number
  default     = 30

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}; write 7, 14, 30, 60, 90, 180 or 365."
  }
}

variable "alert_emails" {
  description = "E-mail addresses that get every alarm, budget notice and cost anomaly. Each must confirm the mail that AWS sends."
  type        = list(string)

  # A budget takes ten addresses a notice.
  validation {
    condition     = length(var.alert_emails) >= 1 && length(var.alert_emails) <= 10
    error_message = "alert_emails holds ${length(var.alert_emails)} addresses; write 1 to 10, for example [\"oncall@example.com\"]."
  }

  validation {
    condition     = alltrue([for email in var.alert_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", email))])
    error_message = "alert_emails holds ${join(", ", [for email in var.alert_emails : "\"${email}\"" if !can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", email))])}; write an address such as \"oncall@example.com\"."
  }
}

variable "alert_phone_numbers" {
  description = "Telephone numbers that get every alarm by SMS, with country code and no spaces. The account must have left the SMS sandbox of SNS."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for number in var.alert_phone_numbers : can(regex("^\\+[1-9][0-9]{7,14}$", number))])
    error_message = "alert_phone_numbers holds a number that is not in E.164 form; write a plus, the country code and the number without spaces, for example \"+353861234567\"."
  }
}

variable "monthly_budget_usd" {
  description = "What the whole account may cost in a month, in US dollars before tax. A notice goes out at 80 % spent, at 100 % spent and when the forecast passes 100 %."
  type        = number

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd is ${var.monthly_budget_usd}; write the US dollars that the account may cost in a month. README.md has a table of what to expect."
  }
}

variable "github_repository" {
  description = "GitHub repository, OWNER/NAME, whose environment `production` may push the image and deploy."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository is \"${var.github_repository}\"; write OWNER/NAME, for example \"example/tidecast\"."
  }
}
