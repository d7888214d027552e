"""What moto's EKS lacks: add-ons, access entries, Pod Identity; and what it forgets."""

import json
import re
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.eks import urls
from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse

ROUTES = ("{0}/clusters/(?P<name>[^/]+)/(?P<rest>.+)$", "{0}/addons/supported-versions$")
"""One route for all that lies under a cluster: the ARNs in these paths hold slashes."""

ADDON_VERSION = "v1.0.0-eksbuild.1"
"""Answered for every add-on; moto cannot know what EKS recommends."""

_create_cluster = EKSResponse.create_cluster
_delete_cluster = EKSResponse.delete_cluster
_create_nodegroup = EKSResponse.create_nodegroup


def install() -> None:
    """Add the calls to moto; before its server starts."""
    for route in ROUTES:
        urls.url_paths[route] = urls.response.dispatch
    calls = (
        *(create_cluster, delete_cluster, create_nodegroup, describe_addon_versions),
        *(create_addon, describe_addon, delete_addon),
        *(create_access_entry, describe_access_entry, delete_access_entry),
        *(associate_access_policy, list_associated_access_policies, disassociate_access_policy),
        *(create_pod_identity_association, describe_pod_identity_association),
        *(delete_pod_identity_association, list_pod_identity_associations, list_addons),
        list_access_entries,
    )
    for call in calls:
        setattr(EKSResponse, call.__name__, call)


def create_cluster(self: EKSResponse) -> ActionResult:
    """Keep what moto drops, and make the security group that EKS makes for a cluster."""
    asked = json.loads(self.body)
    answer = _create_cluster(self)
    cluster = self.eks_backend.clusters[asked["name"]]
    cluster.access_config = asked.get("accessConfig")
    cluster.upgrade_policy = asked.get("upgradePolicy")
    cluster.compute_config = asked.get("computeConfig")
    cluster.storage_config = asked.get("storageConfig")
    cluster.addons, cluster.entries, cluster.associations = {}, {}, {}
    ec2 = ec2_backends[self.current_account][self.region]
    network = cluster.resources_vpc_config
    vpc = ec2.get_subnet(network["subnetIds"][0]).vpc_id
    group = ec2.create_security_group(f"eks-cluster-sg-{cluster.name}", "EKS", vpc_id=vpc)
    network.update(vpcId=vpc, clusterSecurityGroupId=group.id)
    return answer


def delete_cluster(self: EKSResponse) -> ActionResult:
    """Remove the security group with the cluster, or the VPC could not go."""
    network = self.eks_backend.clusters[_place(self)["cluster"]].resources_vpc_config
    answer = _delete_cluster(self)
    ec2_backends[self.current_account][self.region].delete_security_group(
        group_id=network["clusterSecurityGroupId"]
    )
    return answer


def create_nodegroup(self: EKSResponse) -> ActionResult:
    """Keep the update configuration, and invent no SSH key."""
    asked = json.loads(self.body)
    answer = _create_nodegroup(self)
    cluster = self.eks_backend.clusters[_place(self)["cluster"]]
    group = cluster.nodegroups[asked["nodegroupName"]]
    group.update_config = asked.get("updateConfig")
    group.remote_access = None
    group.version = cluster.version
    return answer


def describe_addon_versions(self: EKSResponse) -> ActionResult:
    """One version of each add-on, recommended for the Kubernetes that was asked for."""
    fits = {
        "clusterVersion": self._get_param("kubernetesVersion"),
        "platformVersions": ["*"],
        "defaultVersion": True,
    }
    version = {"addonVersion": ADDON_VERSION, "compatibilities": [fits]}
    name = self._get_param("addonName")
    return ActionResult({"addons": [{"addonName": name, "addonVersions": [version]}]})


def create_addon(self: EKSResponse) -> ActionResult:
    """Make an add-on, and an association for each role it is given."""
    asked, cluster = json.loads(self.body), _cluster(self)
    identities = [
        _associate(
            self, cluster, "kube-system", one["serviceAccount"], one["roleArn"], asked["addonName"]
        )
        for one in asked.get("podIdentityAssociations", [])
    ]
    addon = {
        **_kept(asked, "addonName", "addonVersion", "configurationValues", "tags"),
        "addonArn": _arn(self, "addon", cluster.name, asked["addonName"], uuid4()),
        "clusterName": cluster.name,
        "status": "ACTIVE",
        "health": {"issues": []},
        "podIdentityAssociations": [one["associationArn"] for one in identities],
    }
    cluster.addons[addon["addonName"]] = addon
    return ActionResult({"addon": addon})


def describe_addon(self: EKSResponse) -> ActionResult:
    """One add-on."""
    return ActionResult({"addon": _found(_cluster(self).addons, _place(self)["rest"])})


def list_addons(self: EKSResponse) -> ActionResult:
    """Names of the add-ons."""
    return ActionResult({"addons": sorted(_cluster(self).addons)})


def delete_addon(self: EKSResponse) -> ActionResult:
    """Remove an add-on and its associations."""
    cluster, name = _cluster(self), _place(self)["rest"]
    addon = _found(cluster.addons, name)
    del cluster.addons[name]
    for arn in addon["podIdentityAssociations"]:
        cluster.associations.pop(arn.rsplit("/", 1)[1])
    return ActionResult({"addon": addon})


def create_access_entry(self: EKSResponse) -> ActionResult:
    """Make an entry without a policy."""
    asked, cluster = json.loads(self.body), _cluster(self)
    principal = asked["principalArn"]
    entry = {
        **_kept(asked, "principalArn", "tags"),
        "clusterName": cluster.name,
        "accessEntryArn": _arn(self, "access-entry", cluster.name, uuid4()),
        "kubernetesGroups": asked.get("kubernetesGroups", []),
        "type": asked.get("type", "STANDARD"),
        "username": asked.get("username", principal),
        "policies": {},
    }
    cluster.entries[principal] = entry
    return ActionResult({"accessEntry": entry})


def describe_access_entry(self: EKSResponse) -> ActionResult:
    """One entry."""
    return ActionResult({"accessEntry": _found(_cluster(self).entries, _place(self)["rest"])})


def list_access_entries(self: EKSResponse) -> ActionResult:
    """Principals of the entries."""
    return ActionResult({"accessEntries": sorted(_cluster(self).entries)})


def delete_access_entry(self: EKSResponse) -> ActionResult:
    """Remove an entry."""
    entries, principal = _cluster(self).entries, _place(self)["rest"]
    _found(entries, principal)
    del entries[principal]
    return ActionResult({})


def associate_access_policy(self: EKSResponse) -> ActionResult:
    """Give an entry a policy."""
    asked = json.loads(self.body)
    policies = _found(_cluster(self).entries, _place(self)["rest"])["policies"]
    policies[asked["policyArn"]] = _kept(asked, "policyArn", "accessScope")
    return ActionResult({"associatedAccessPolicy": policies[asked["policyArn"]]})


def list_associated_access_policies(self: EKSResponse) -> ActionResult:
    """Policies of an entry."""
    policies = _found(_cluster(self).entries, _place(self)["rest"])["policies"]
    return ActionResult({"associatedAccessPolicies": list(policies.values())})


def disassociate_access_policy(self: EKSResponse) -> ActionResult:
    """Take a policy from an entry."""
    place = _place(self)
    policies = _found(_cluster(self).entries, place["rest"])["policies"]
    _found(policies, place["policy"])
    del policies[place["policy"]]
    return ActionResult({})


def create_pod_identity_association(self: EKSResponse) -> ActionResult:
    """Bind a role to a ServiceAccount."""
    asked = json.loads(self.body)
    made = _associate(
        self, _cluster(self), asked["namespace"], asked["serviceAccount"], asked["roleArn"]
    )
    made["tags"] = asked.get("tags", {})
    return ActionResult({"association": made})


def describe_pod_identity_association(self: EKSResponse) -> ActionResult:
    """One association."""
    return ActionResult({"association": _found(_cluster(self).associations, _place(self)["rest"])})


def list_pod_identity_associations(self: EKSResponse) -> ActionResult:
    """All associations."""
    return ActionResult({"associations": list(_cluster(self).associations.values())})


def delete_pod_identity_association(self: EKSResponse) -> ActionResult:
    """Remove an association."""
    associations, name = _cluster(self).associations, _place(self)["rest"]
    association = _found(associations, name)
    del associations[name]
    return ActionResult({"association": association})


def _associate(
    self: EKSResponse, cluster: Any, namespace: str, account: str, role: str, owner: str = ""
) -> dict[str, Any]:
    name = f"a-{uuid4().hex[:12]}"
    association = {
        "associationId": name,
        "associationArn": _arn(self, "podidentityassociation", cluster.name, name),
        "clusterName": cluster.name,
        "namespace": namespace,
        "serviceAccount": account,
        "roleArn": role,
    }
    if owner:
        association["ownerArn"] = owner
    cluster.associations[name] = association
    return association


def _place(self: EKSResponse) -> dict[str, str]:
    """Cluster, kind, name of the thing and, of an access entry, the policy, out of the path."""
    path = unquote(self.parsed_url.path)
    match = re.match(
        r"/clusters/(?P<cluster>[^/]+)(/(?P<kind>[a-z-]+)(/(?P<rest>.+?))?"
        r"(/access-policies(/(?P<policy>.+))?)?)?$",
        path,
    )
    assert match, f"no path of a cluster: {path}"
    return match.groupdict("")


def _cluster(self: EKSResponse) -> Any:
    return _found(self.eks_backend.clusters, _place(self)["cluster"])


def _found(things: dict[str, Any], name: str) -> Any:
    if name not in things:  # Terraform waits for this error when it deletes.
        raise ResourceNotFoundException(
            clusterName=None,
            nodegroupName=None,
            fargateProfileName=None,
            addonName=None,
            message=f"{name} does not exist",
        )
    return things[name]


def _arn(self: EKSResponse, kind: str, *names: object) -> str:
    tail = "/".join(str(name) for name in names)
    return f"arn:aws:eks:{self.region}:{self.current_account}:{kind}/{tail}"


def _kept(asked: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: asked[name] for name in names if name in asked}
