"""Where moto answers something else than it was told, so that Terraform would see a drift."""

import json
from collections.abc import Iterable
from typing import Any

from moto.core.responses import TYPE_RESPONSE, BaseResponse
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.rds.models import DBInstance, DBParameterGroup

_new_instance = DBInstance.__init__
_new_template = LaunchTemplateVersion.__init__
_update_parameters = DBParameterGroup.update_parameters
_call_action = BaseResponse.call_action


def install() -> None:
    """Mend moto; before its server starts."""
    setattr(DBInstance, "__init__", _keep_insights)  # noqa: B010
    setattr(DBParameterGroup, "update_parameters", _say_who_set_it)  # noqa: B010
    setattr(LaunchTemplateVersion, "__init__", _drop_own_tags)  # noqa: B010
    setattr(SecurityGroupRule, "description", property(_description))  # noqa: B010
    setattr(BaseResponse, "call_action", _refuse_at_once)  # noqa: B010


def _keep_insights(self: DBInstance, *args: Any, **kwargs: Any) -> None:
    """Performance Insights is not stored."""
    _new_instance(self, *args, **kwargs)
    self.performance_insights_enabled = kwargs.get("enable_performance_insights", False)
    self.performance_insights_kms_key_id = kwargs.get("performance_insights_kms_key_id")
    self.performance_insights_retention_period = kwargs.get("performance_insights_retention_period")


def _say_who_set_it(self: DBParameterGroup, new_parameters: Iterable[dict[str, Any]]) -> None:
    """Terraform reads only parameters whose source is the user."""
    _update_parameters(self, [{**one, "Source": "user"} for one in new_parameters])


def _drop_own_tags(
    self: LaunchTemplateVersion, template: Any, number: int, data: dict[str, Any], description: str
) -> None:
    """The tags of the template itself come back as tags of what is launched."""
    specifications = [
        one for one in data.get("TagSpecifications", []) if one["ResourceType"] != "launch-template"
    ]
    _new_template(
        self, template, number, {**data, "TagSpecifications": specifications}, description
    )


def _description(self: SecurityGroupRule) -> str | None:
    """The description of a rule that names a group is not read back."""
    return self.ip_range.get("Description") or self.source_group.get("Description")


def _refuse_at_once(self: BaseResponse) -> TYPE_RESPONSE:
    """A call that is lacking gets 400: on the usual 500 Terraform tries again for minutes."""
    try:
        return _call_action(self)
    except NotImplementedError as e:
        body = json.dumps({"__type": "NotImplemented", "message": str(e)})
        return 400, {**self.response_headers, "status": "400"}, body
