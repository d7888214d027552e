# In Auto Mode EKS runs network, DNS, storage, load balancing and the Pod Identity agent itself.
locals {
  addons_before_nodes = local.auto_mode ? {} : {
    vpc-cni                = { enableNetworkPolicy = "true" }
    kube-proxy             = {}
    eks-pod-identity-agent = {}
  }

  addons_after_nodes = merge(
    local.auto_mode ? {} : {
      coredns            = {}
      aws-ebs-csi-driver = { defaultStorageClass = { enabled = true } }
    },
    {
      metrics-server                  = {}
      amazon-cloudwatch-observability = {}
    },
  )

  # Add-ons that call AWS: the ServiceAccount that does, and the policy that AWS keeps for it.
  addon_identities = merge(
    local.auto_mode ? {} : {
      vpc-cni            = { service_account = "aws-node", policy = "AmazonEKS_CNI_Policy" }
      aws-ebs-csi-driver = { service_account = "ebs-csi-controller-sa", policy = "service-role/AmazonEBSCSIDriverPolicy" }
    },
    {
      amazon-cloudwatch-observability = { service_account = "cloudwatch-agent", policy = "CloudWatchAgentServerPolicy" }
    },
  )
}

# The version that EKS recommends for this Kubernetes: it moves with kubernetes_version and is never one
# that does not fit.
data "aws_eks_addon_version" "this" {
  for_each = toset(concat(keys(local.addons_before_nodes), keys(local.addons_after_nodes)))

  addon_name         = each.key
  kubernetes_version = var.kubernetes_version
}

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_before_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = data.aws_eks_addon_version.this[each.key].version
  configuration_values        = length(each.value) == 0 ? null : jsonencode(each.value)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = [for name, identity in local.addon_identities : identity.service_account if name == each.key]

    content {
      service_account = pod_identity_association.value
      role_arn        = aws_iam_role.addon[each.key].arn
    }
  }
}

resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_after_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = data.aws_eks_addon_version.this[each.key].version
  configuration_values        = length(each.value) == 0 ? null : jsonencode(each.value)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = [for name, identity in local.addon_identities : identity.service_account if name == each.key]

    content {
      service_account = pod_identity_association.value
      role_arn        = aws_iam_role.addon[each.key].arn
    }
  }

  depends_on = [aws_eks_node_group.this]
}

resource "aws_iam_role" "addon" {
  for_each = local.addon_identities

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust["pods.eks.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "addon" {
  for_each = local.addon_identities

  role       = aws_iam_role.addon[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value.policy}"
}
