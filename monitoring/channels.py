"""Where alerts go: any service that Apprise knows, and an SNS topic of AWS.

Only this module knows them. A URL holds secrets, so neither it nor what its library says of it is
ever logged; a channel is named by the schema of its URL.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tidecast.errors import ConfigurationError

Severity = Literal["info", "warning", "failure"]

SNS_SUBJECT = 100
"""Longest subject that SNS takes."""
SNS_TIMEOUT_SECONDS = 5
TEXT = "text"


class Channel(Protocol):
    """One place that alerts are sent to."""

    @property
    def name(self) -> str:
        """Its own among all channels; it stays when a secret is renewed."""
        ...

    @property
    def schema(self) -> str:
        """What kind it is, for metrics and logs."""
        ...

    def send(self, title: str, body: str, severity: Severity) -> bool:
        """Send plain text; False when it did not arrive."""
        ...


@dataclass(frozen=True)
class AppriseChannel:
    """A service behind an Apprise URL."""

    name: str
    schema: str
    service: Any

    def send(self, title: str, body: str, severity: Severity) -> bool:
        """See ``Channel``."""
        sent: bool = self.service.notify(
            title=title, body=body, notify_type=severity, body_format=TEXT
        )
        return sent


@dataclass(frozen=True)
class TopicChannel:
    """A topic of SNS, under the pod's own AWS identity: Apprise would need static keys."""

    name: str
    schema: str
    arn: str
    client: Any

    def send(self, title: str, body: str, severity: Severity) -> bool:
        """See ``Channel``."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.publish(TopicArn=self.arn, Subject=title[:SNS_SUBJECT], Message=body)
        except (BotoCoreError, ClientError):
            return False
        return True


def open_channels(urls: Sequence[str], topic_arn: str | None) -> list[Channel]:
    """The channels of the settings; nothing is sent yet.

    Raises:
        ConfigurationError: one of them cannot be used; the message tells which, and no secret.
    """
    channels: list[Channel] = []
    seen: Counter[str] = Counter()
    for position, url in enumerate(urls):
        service = _instantiate(url, position)
        schema = url.partition(":")[0].lower()
        seen[schema] += 1
        name = schema if seen[schema] == 1 else f"{schema}-{seen[schema]}"
        channels.append(AppriseChannel(name, schema, service))
    if topic_arn is not None:
        channels.append(TopicChannel(topic_arn, "sns", topic_arn, _sns(topic_arn)))
    return channels


def _instantiate(url: str, position: int) -> Any:
    # Imported here: most monitors send nothing, and it loads every service it knows.
    import apprise

    # It would log the whole URL that it does not understand.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise.instantiate(url)
    if service is None:
        raise ConfigurationError(
            f"TIDECAST_MONITORING__ALERT_URLS: number {position + 1} is no Apprise URL; their forms"
            " are listed at https://github.com/caronc/apprise/wiki"
        )
    return service


def _sns(arn: str) -> Any:
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "sns":
        raise ConfigurationError(
            f"TIDECAST_MONITORING__ALERT_TOPIC_ARN: {arn!r} is no topic; allowed:"
            " arn:aws:sns:REGION:ACCOUNT:NAME"
        )
    try:
        import boto3
        from botocore.config import Config
    except ImportError as e:
        raise ConfigurationError(
            "TIDECAST_MONITORING__ALERT_TOPIC_ARN needs the package boto3, which the image has"
        ) from e
    timeout = SNS_TIMEOUT_SECONDS
    # The next round is the retry.
    limits = Config(connect_timeout=timeout, read_timeout=timeout, retries={"max_attempts": 0})
    return boto3.client("sns", region_name=parts[3], config=limits)
