"""What moto's Budgets and Cost Explorer lack: who is told, tags, and monitors of anomalies."""

import json
from typing import Any
from uuid import uuid4

from moto.budgets.responses import BudgetsResponse
from moto.ce.responses import CostExplorerResponse

Made = dict[str, dict[str, Any]]

_monitors: Made = {}
_subscriptions: Made = {}
_budget_tags: dict[str, list[dict[str, str]]] = {}
_create_budget = BudgetsResponse.create_budget


def install() -> None:
    """Add the calls to moto; before its server starts."""
    for call in (create_budget, describe_subscribers_for_notification, list_tags_for_resource):
        setattr(BudgetsResponse, call.__name__, call)
    calls = (
        *(create_anomaly_monitor, get_anomaly_monitors, delete_anomaly_monitor),
        *(create_anomaly_subscription, get_anomaly_subscriptions, delete_anomaly_subscription),
    )
    for call in calls:
        setattr(CostExplorerResponse, call.__name__, call)


def create_budget(self: BudgetsResponse) -> str:
    """Keep the tags, which moto drops."""
    asked = json.loads(self.body)
    _budget_tags[asked["Budget"]["BudgetName"]] = asked.get("ResourceTags", [])
    return _create_budget(self)


def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
    """Who is told by one notice of a budget."""
    asked = json.loads(self.body)
    budget = self.backend.budgets[asked["AccountId"]][asked["BudgetName"]]
    wanted = _without_state(asked["Notification"])
    told = [
        one.subscribers for one in budget.notifications if _without_state(one.details) == wanted
    ]
    return json.dumps({"Subscribers": told[0]})


def list_tags_for_resource(self: BudgetsResponse) -> str:
    """Tags of a budget."""
    name = json.loads(self.body)["ResourceARN"].rsplit("/", 1)[1]
    return json.dumps({"ResourceTags": _budget_tags.get(name, [])})


def create_anomaly_monitor(self: CostExplorerResponse) -> str:
    """Make a monitor of costs."""
    return _create(self, "AnomalyMonitor", "Monitor", "anomalymonitor", _monitors)


def create_anomaly_subscription(self: CostExplorerResponse) -> str:
    """Make a subscription to a monitor."""
    return _create(
        self, "AnomalySubscription", "Subscription", "anomalysubscription", _subscriptions
    )


def get_anomaly_monitors(self: CostExplorerResponse) -> str:
    """The monitors asked for, or all."""
    wanted = json.loads(self.body).get("MonitorArnList") or list(_monitors)
    return json.dumps({"AnomalyMonitors": [_monitors[one] for one in wanted if one in _monitors]})


def get_anomaly_subscriptions(self: CostExplorerResponse) -> str:
    """The subscriptions asked for, or all."""
    wanted = json.loads(self.body).get("SubscriptionArnList") or list(_subscriptions)
    found = [_subscriptions[one] for one in wanted if one in _subscriptions]
    return json.dumps({"AnomalySubscriptions": found})


def delete_anomaly_monitor(self: CostExplorerResponse) -> str:
    """Remove a monitor."""
    del _monitors[json.loads(self.body)["MonitorArn"]]
    return json.dumps({})


def delete_anomaly_subscription(self: CostExplorerResponse) -> str:
    """Remove a subscription."""
    del _subscriptions[json.loads(self.body)["SubscriptionArn"]]
    return json.dumps({})


def _create(self: CostExplorerResponse, key: str, prefix: str, kind: str, made: Made) -> str:
    asked = json.loads(self.body)
    arn = f"arn:aws:ce::{self.current_account}:{kind}/{uuid4()}"
    made[arn] = {**asked[key], f"{prefix}Arn": arn}
    if key == "AnomalySubscription":
        made[arn]["AccountId"] = self.current_account
    self.ce_backend.tag_resource(arn, asked.get("ResourceTags", []))
    return json.dumps({f"{prefix}Arn": arn})


def _without_state(notification: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in notification.items() if key != "NotificationState"}
