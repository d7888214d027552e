# Managed nodes and EKS Auto Mode.
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

run "managed_nodes" {
  command = plan

  variables {
    node_count = 4
  }

  assert {
    condition     = length(aws_eks_node_group.this) == 1 && length(aws_eks_cluster.this.compute_config) == 0
    error_message = "Managed mode must have a node group and no Auto Mode."
  }

  assert {
    condition     = aws_eks_node_group.this[0].scaling_config[0].desired_size == 4 && aws_eks_node_group.this[0].scaling_config[0].max_size == 8
    error_message = "node_count must be the size, with room to surge."
  }

  assert {
    condition     = toset(concat(keys(aws_eks_addon.before_nodes), keys(aws_eks_addon.after_nodes))) == toset(["vpc-cni", "coredns", "kube-proxy", "eks-pod-identity-agent", "metrics-server", "aws-ebs-csi-driver", "amazon-cloudwatch-observability"])
    error_message = "Managed nodes need all seven add-ons."
  }

  # Terraform cannot be asked for depends_on, so the halves are: what a node needs to become ready.
  assert {
    condition     = toset(keys(aws_eks_addon.before_nodes)) == toset(["vpc-cni", "kube-proxy", "eks-pod-identity-agent"])
    error_message = "Network, proxy and Pod Identity agent come before the nodes, the others after."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "Without enableNetworkPolicy the chart's NetworkPolicies hold nothing back."
  }
}

run "auto_mode" {
  command = plan

  variables {
    compute_mode = "auto"
  }

  assert {
    condition     = length(aws_eks_node_group.this) == 0 && length(aws_launch_template.node) == 0
    error_message = "Auto Mode must have no node group of its own."
  }

  assert {
    condition = (
      aws_eks_cluster.this.compute_config[0].enabled
      && aws_eks_cluster.this.storage_config[0].block_storage[0].enabled
      && aws_eks_cluster.this.kubernetes_network_config[0].elastic_load_balancing[0].enabled
    )
    error_message = "EKS wants compute, storage and load balancing of Auto Mode all on or all off."
  }

  assert {
    condition     = length(aws_eks_addon.before_nodes) == 0 && toset(keys(aws_eks_addon.after_nodes)) == toset(["metrics-server", "amazon-cloudwatch-observability"])
    error_message = "Auto Mode runs network, DNS, storage and the Pod Identity agent itself."
  }

  assert {
    condition     = contains(keys(aws_iam_role_policy_attachment.cluster), "AmazonEKSComputePolicy") && contains(keys(aws_iam_role_policy_attachment.node), "AmazonEKSWorkerNodeMinimalPolicy")
    error_message = "Auto Mode needs policies of its own on cluster and node role."
  }

  assert {
    condition     = length(aws_eks_pod_identity_association.process) == 4
    error_message = "The processes keep their roles in Auto Mode."
  }
}
