# Who may do what inside the cluster. There is no other way in: authentication mode is API, and the creator
# gets no rights by itself.
resource "aws_eks_access_entry" "admin" {
  for_each = toset(var.admin_principal_arns)

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.key
}

resource "aws_eks_access_policy_association" "admin" {
  for_each = aws_eks_access_entry.admin

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value.principal_arn
  policy_arn    = "arn:${local.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }
}

# A group and no access policy: the policies of EKS cannot hand on rights, so an upgrade that changes the
# chart's Role would be refused. prepare_namespace.py binds the group to the namespace's own ClusterRole `admin`.
resource "aws_eks_access_entry" "deploy" {
  cluster_name      = aws_eks_cluster.this.name
  principal_arn     = aws_iam_role.deploy.arn
  kubernetes_groups = [local.deployers_group]
}
